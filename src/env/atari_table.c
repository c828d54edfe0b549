/* The rows of the game table. Scores: random and human as used by DQN Zoo (up to 30 no-op starts,
 * 108,000-frame cap); DQN as published with JOWA. Minimal actions are the emulator's lists. */
#include "env/atari_table.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* clang-format off */
static const int8_t k_full[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
static const int8_t k_cross_fire[] = {0, 1, 2, 3, 4, 5, 10, 11, 12, 13};
static const int8_t k_assault[] = {0, 1, 2, 3, 4, 11, 12};
static const int8_t k_moves_no_fire[] = {0, 2, 3, 4, 5, 6, 7, 8, 9};
static const int8_t k_atlantis[] = {0, 1, 11, 12};
static const int8_t k_beam_rider[] = {0, 1, 2, 3, 4, 6, 7, 11, 12};
static const int8_t k_breakout[] = {0, 1, 3, 4};
static const int8_t k_sideways_fire[] = {0, 1, 3, 4, 11, 12};
static const int8_t k_enduro[] = {0, 1, 3, 4, 5, 8, 9, 11, 12};
static const int8_t k_freeway[] = {0, 2, 5};
static const int8_t k_gopher[] = {0, 1, 2, 3, 4, 10, 11, 12};
static const int8_t k_kung_fu_master[] = {0, 2, 3, 4, 5, 8, 9, 11, 12, 13, 14, 15, 16, 17};
static const int8_t k_phoenix[] = {0, 1, 3, 4, 5, 11, 12, 13};
static const int8_t k_vertical_fire[] = {0, 1, 2, 5, 10, 13};
static const int8_t k_qbert[] = {0, 1, 2, 3, 4, 5};
static const int8_t k_video_pinball[] = {0, 1, 2, 3, 4, 5, 10, 11, 12};

#define PPI_ACTIONS(list) (int32_t)(sizeof(list) / sizeof((list)[0])), list
#define PPI_ASK 0, NULL

const ppi_atari_game ppi_atari_games[PPI_ATARI_GAMES] = {
    {"AirRaid", "air_raid", 0, NAN, NAN, NAN,
     "35be55426c1fec32dfb503b4f0651572", true, 0, PPI_ASK},
    {"Alien", "alien", 1, 227.8, 7127.7, 2484.5,
     "f1a0a23e6464d954e3a9579c4ccd01c8", true, PPI_SET_MGDT_HELD, PPI_ACTIONS(k_full)},
    {"Amidar", "amidar", 2, 5.8, 1719.5, 1207.7,
     "acb7750b4d0c4bd34969802a7deb2990", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_cross_fire)},
    {"Assault", "assault", 3, 222.4, 742.0, 1525.2,
     "de78b3a064d374390ac0710f95edde92", false, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_assault)},
    {"Asterix", "asterix", 4, 210.0, 8503.3, 2711.4,
     "89a68746eff7f266bbf08de2483abe55", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_moves_no_fire)},
    {"Asteroids", "asteroids", 5, 719.1, 47388.7, NAN,
     "ccbd36746ed4525821a8083b0d6d2c2c", true, 0, PPI_ASK},
    {"Atlantis", "atlantis", 6, 12850.0, 29028.1, 853640,
     "9ad36e699ef6f45d9eb6c4cf90475c9f", false, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_atlantis)},
    {"BankHeist", "bank_heist", 7, 14.2, 753.1, 601.8,
     "00ce0bdd43aed84a983bef38fe7f5ee3", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"BattleZone", "battle_zone", 8, 2360.0, 37187.5, 17784.8,
     "41f252a66c6301f1e8ab3612c19bc5d4", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"BeamRider", "beam_rider", 9, 363.9, 16926.5, 5852.4,
     "79ab4123a83dc11d468fb2108ea09e2e", true, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_beam_rider)},
    {"Berzerk", "berzerk", 10, 123.7, 2630.4, 487.5,
     "136f75c4dd02c29283752b7e5799f978", false, PPI_SET_JOWA, PPI_ACTIONS(k_full)},
    {"Bowling", "bowling", 11, 23.1, 160.7, NAN,
     "c9b7afad3bfd922e006a6bfc1d4f3fe7", true, 0, PPI_ASK},
    {"Boxing", "boxing", 12, 0.1, 12.1, 78.0,
     "c3ef5c4653212088eda54dc91d787870", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"Breakout", "breakout", 13, 1.7, 30.5, 96.2,
     "f34f08e5eb96e500e851a80be3277a56", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_breakout)},
    {"Carnival", "carnival", 14, 700.8, 3800, 4784.8,
     "028024fb8e5e5f18ea586652f9799c96", false, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_sideways_fire)},
    {"Centipede", "centipede", 15, 2090.9, 12017.0, 2583.0,
     "91c2098e88a6b13f977af8c003e0bca5", false, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_full)},
    {"ChopperCommand", "chopper_command", 16, 811.0, 7387.8, 2690.6,
     "c1cb228470a87beb5f36e90ac745da26", true, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_full)},
    {"CrazyClimber", "crazy_climber", 17, 10780.5, 35829.4, 104568.8,
     "55ef7b65066428367844342ed59f956c", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_moves_no_fire)},
    {"Defender", "defender", -1, 2874.5, 18688.9, NAN,
     "0f643c34e40e3f1daafd9c524d3ffe64", false, 0, PPI_ASK},
    {"DemonAttack", "demon_attack", 18, 152.1, 1971.0, 6361.6,
     "f0e0addc07971561ab80d9abe1b8d333", false, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_sideways_fire)},
    {"DoubleDunk", "double_dunk", 19, -18.6, -16.4, -6.5,
     "368d88a6c071caba60b4f778615aae94", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"ElevatorAction", "elevator_action", 20, NAN, NAN, NAN,
     "71f8bacfbdca019113f3f0801849057e", true, 0, PPI_ASK},
    {"Enduro", "enduro", 21, 0.0, 860.5, 628.9,
     "94b92a882f6dbaa6993a46e2dcc58402", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_enduro)},
    {"FishingDerby", "fishing_derby", 22, -91.7, -38.7, 0.6,
     "b8865f05676e64f3bec72b9defdacfa7", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"Freeway", "freeway", 23, 0.0, 29.6, 26.3,
     "8e0ab801b1705a740b476b7f588c6d16", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_freeway)},
    {"Frostbite", "frostbite", 24, 65.2, 4334.7, 367.1,
     "4ca73eb959299471788f0b685c3ba0b5", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"Gopher", "gopher", 25, 257.6, 2412.5, 5479.9,
     "c16c79aad6272baffb8aae9a7fff0864", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_gopher)},
    {"Gravitar", "gravitar", 26, 173.0, 3351.4, 330.1,
     "8ac18076d01a6b63acf6e2cab4968940", false, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA_HELD, PPI_ACTIONS(k_full)},
    {"Hero", "hero", 27, 1027.0, 30826.4, 17325.4,
     "fca4a5be1251927027f2c24774a02160", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"IceHockey", "ice_hockey", 28, -11.2, 0.9, -5.8,
     "a4c08c4994eb9d24fb78be1793e82e26", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"Jamesbond", "jamesbond", 29, 29.0, 302.8, 573.3,
     "e51030251e440cffaab1ac63438b44ae", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"JourneyEscape", "journey_escape", 30, NAN, NAN, NAN,
     "718ae62c70af4e5fd8e932fee216948a", true, 0, PPI_ASK},
    {"Kangaroo", "kangaroo", 31, 52.0, 3035.0, 11486.0,
     "4326edb70ff20d0ee5ba58fa5cb09d60", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"Krull", "krull", 32, 1598.0, 2665.5, 6097.6,
     "4baada22435320d185c95b7dd2bcdb24", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"KungFuMaster", "kung_fu_master", 33, 258.5, 22736.3, 23435.4,
     "5b92a93b23523ff16e2789b820e2a4c5", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_kung_fu_master)},
    {"MontezumaRevenge", "montezuma_revenge", 34, 0.0, 4753.3, NAN,
     "3347a6dd59049b15a38394aa2dafa585", true, 0, PPI_ASK},
    {"MsPacman", "ms_pacman", 35, 307.3, 6951.6, 3402.4,
     "87e79cd41ce136fd4f72cc6e2c161bee", false, PPI_SET_MGDT_HELD | PPI_SET_JOWA_HELD, PPI_ACTIONS(k_moves_no_fire)},
    {"NameThisGame", "name_this_game", 36, 2292.3, 8049.0, 7278.6,
     "36306070f0c90a72461551a7a4f3a209", false, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_sideways_fire)},
    {"Phoenix", "phoenix", 37, 761.4, 7242.6, 4996.6,
     "7e52a95074a66640fcfde124fffd491a", true, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_phoenix)},
    {"Pitfall", "pitfall", 38, -229.4, 6463.7, NAN,
     "3e90cf23106f2e08b2781e41299de556", false, 0, PPI_ASK},
    {"Pong", "pong", 39, -20.7, 14.6, 16.6,
     "60e0ea3cbe0913d39803477945e9e5ec", true, PPI_SET_MGDT_HELD | PPI_SET_JOWA_HELD, PPI_ACTIONS(k_sideways_fire)},
    {"Pooyan", "pooyan", 40, 371.2, NAN, 3212.0,
     "4799a40b6e889370b7ee55c17ba65141", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_vertical_fire)},
    {"PrivateEye", "private_eye", 41, 24.9, 69571.3, NAN,
     "ef3a4f64b6494ba770862768caf04b86", true, 0, PPI_ASK},
    {"Qbert", "qbert", 42, 163.9, 13455.0, 10117.5,
     "484b0076816a104875e00467d431c2d2", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_qbert)},
    {"Riverraid", "riverraid", 43, 1338.5, 17118.0, 11638.9,
     "393948436d1f4cc3192410bb918f9724", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_full)},
    {"RoadRunner", "road_runner", 44, 11.5, 7845.0, NAN,
     "ce5cc62608be2cd3ed8abd844efb8919", false, PPI_SET_MGDT, PPI_ACTIONS(k_full)},
    {"Robotank", "robotank", 45, 2.2, 11.9, 59.8,
     "4f618c2429138e0280969193ed6c107e", true, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA_HELD, PPI_ACTIONS(k_full)},
    {"Seaquest", "seaquest", 46, 68.4, 42054.7, 1600.7,
     "240bfbac5163af4df5ae713985386f92", true, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_full)},
    {"Skiing", "skiing", 47, -17098.1, -4336.9, NAN,
     "b76fbadc8ffb1f83e2ca08b6fb4d6c9f", false, 0, PPI_ASK},
    {"Solaris", "solaris", 48, 1236.3, 12326.7, NAN,
     "e72eb8d4410152bdcb69e7fba327b420", true, 0, PPI_ASK},
    {"SpaceInvaders", "space_invaders", 49, 148.0, 1668.7, 1794.2,
     "72ffbef6504b75e69ee1045af9075f66", false, PPI_SET_MGDT_HELD | PPI_SET_JOWA, PPI_ACTIONS(k_sideways_fire)},
    {"StarGunner", "star_gunner", 50, 664.0, 10250.0, 42165.2,
     "a3c1c70024d7aabb41381adbfb6d3b25", true, PPI_SET_MGDT_HELD | PPI_SET_JOWA, PPI_ACTIONS(k_full)},
    {"Surround", "surround", -1, -10.0, 6.5, NAN,
     "4d7517ae69f95cfbc053be01312b7dba", false, 0, PPI_ASK},
    {"Tennis", "tennis", 51, -23.8, -8.3, NAN,
     "42cdd6a9e42a3639e190722b8ea3fc51", false, 0, PPI_ASK},
    {"TimePilot", "time_pilot", 52, 3568.0, 5229.2, 3654.4,
     "fc2104dd2dadf9a6176c1c1c8f87ced9", true, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_cross_fire)},
    {"Tutankham", "tutankham", 53, 11.4, 167.6, NAN,
     "085322bae40d904f53bdcc56df0593fc", false, 0, PPI_ASK},
    {"UpNDown", "up_n_down", 54, 533.4, 11693.2, 8488.3,
     "a499d720e7ee35c62424de882a3351b6", true, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_vertical_fire)},
    {"Venture", "venture", 55, 0.0, 1187.5, NAN,
     "3e899eba0ca8cd2972da1ae5479b4f0d", false, 0, PPI_ASK},
    {"VideoPinball", "video_pinball", 56, 16256.9, 17667.9, 63406.1,
     "107cc025334211e6d29da0b6be46aec7", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_video_pinball)},
    {"WizardOfWor", "wizard_of_wor", 57, 563.5, 4756.5, 2065.8,
     "7e8aa18bc9502eb57daaf5e7c1e94da7", false, PPI_SET_MGDT | PPI_SET_SQL, PPI_ACTIONS(k_cross_fire)},
    {"YarsRevenge", "yars_revenge", 58, 3092.9, 54576.9, 23909.4,
     "c5930d0e8cdae3e037349bfa08e871be", false, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA_HELD, PPI_ACTIONS(k_full)},
    {"Zaxxon", "zaxxon", 59, 32.5, 9173.3, 4538.6,
     "eea0da9b987d661264cce69a7c13c3bd", true, PPI_SET_MGDT | PPI_SET_SQL | PPI_SET_JOWA, PPI_ACTIONS(k_full)},
};
/* clang-format on */

const char *const ppi_atari_action_names[PPI_ATARI_ACTIONS] = {
    "NOOP",   "FIRE",      "UP",        "RIGHT",    "LEFT",     "DOWN",
    "UPRIGHT", "UPLEFT",   "DOWNRIGHT", "DOWNLEFT", "UPFIRE",   "RIGHTFIRE",
    "LEFTFIRE", "DOWNFIRE", "UPRIGHTFIRE", "UPLEFTFIRE", "DOWNRIGHTFIRE", "DOWNLEFTFIRE",
};

const ppi_atari_game *ppi_atari_game_find(const char *name) {
    if (strncmp(name, "ale/", 4) == 0) {
        name += 4;
    }
    for (int i = 0; i < PPI_ATARI_GAMES; i++) {
        const ppi_atari_game *game = &ppi_atari_games[i];
        if (strcmp(game->rom, name) == 0 || strcasecmp(game->name, name) == 0) {
            return game;
        }
    }
    return NULL;
}

int32_t ppi_atari_full_to_minimal(const ppi_atari_game *game, int32_t full) {
    for (int32_t i = 0; i < game->min_actions; i++) {
        if (game->actions[i] == full) {
            return i;
        }
    }
    return -1;
}

int32_t ppi_atari_minimal_to_full(const ppi_atari_game *game, int32_t minimal) {
    if (minimal < 0 || minimal >= game->min_actions) {
        return -1;
    }
    return game->actions[minimal];
}

/* Further ROMs of the emulator, without reference scores. */
/* clang-format off */
const ppi_atari_extra ppi_atari_extras[PPI_ATARI_EXTRAS] = {
    {"adventure", "4b27f5397c442d25f0c418ccdacf1926"},
    {"atlantis2", "826481f6fc53ea47c9f272f7050eedf7"},
    {"backgammon", "8556b42aa05f94bc29ff39c39b11bff4"},
    {"basic_math", "819aeeb9a2e11deb54e6de334f843894"},
    {"blackjack", "0a981c03204ac2b278ba392674682560"},
    {"casino", "b816296311019ab69a21cb9e9e235d12"},
    {"crossbow", "8cd26dcf249456fe4aeb8db42d49df74"},
    {"darkchambers", "106855474c69d08c8ffa308d47337269"},
    {"donkey_kong", "36b20c427975760cb9cf4a47e41369e4"},
    {"earthworld", "5aea9974b975a6a844e6df10d2b861c4"},
    {"entombed", "6b683be69f92958abe0e2a9945157ad5"},
    {"et", "615a3bf251a38eb6638cdc7ffbde5480"},
    {"flag_capture", "30512e0e83903fc05541d2f6a6a62654"},
    {"frogger", "081e2c114c9c20b61acf25fc95c71bf4"},
    {"galaxian", "211774f4c5739042618be8ff67351177"},
    {"hangman", "f16c709df0a6c52f47ff52b9d95b7d8d"},
    {"haunted_house", "f0a6e99f5875891246c3dbecbf2d2cea"},
    {"human_cannonball", "7972e5101fa548b952d852db24ad6060"},
    {"kaboom", "5428cdfada281c569c74c7308c7f2c26"},
    {"keystone_kapers", "6c1f3f2e359dbf55df462ccbcdd2f6bf"},
    {"king_kong", "0dd4c69b5f9a7ae96a7a08329496779a"},
    {"klax", "eed9eaf1a0b6a2b9bc4c8032cb43e3fb"},
    {"koolaid", "534e23210dd1993c828d944c6ac4d9fb"},
    {"laser_gates", "8e4cd60d93fcde8065c1a2b972a26377"},
    {"lost_luggage", "2d76c5d1aad506442b9e9fb67765e051"},
    {"mario_bros", "e908611d99890733be31733a979c62d8"},
    {"miniature_golf", "df62a658496ac98a3aa4a6ee5719c251"},
    {"mr_do", "aa7bb54d2c189a31bb1fa20099e42859"},
    {"othello", "113cd09c9771ac278544b7e90efe7df2"},
    {"pacman", "fc2233fc116faef0d3c31541717ca2db"},
    {"pitfall2", "6d842c96d5a01967be9680080dd5be54"},
    {"sir_lancelot", "dd0cbe5351551a538414fb9e37fc56e8"},
    {"space_war", "b702641d698c60bcdc922dbd8c9dd49c"},
    {"superman", "a9531c763077464307086ec9a1fd057d"},
    {"tetris", "b0e1ee07fbc73493eac5651a52f90f00"},
    {"tic_tac_toe_3d", "0db4f4150fecf77e4ce72ca4d04c052f"},
    {"trondead", "fb27afe896e7c928089307b32e5642ee"},
    {"turmoil", "7a5463545dfb2dcfdafa6074b2f2c15e"},
    {"video_checkers", "539d26b6e9df0da8e7465f0f5ad863b7"},
    {"video_chess", "f0b7db930ca0e548c41a97160b9f6275"},
    {"video_cube", "3f540a30fdee0b20aed7288e4a5ea528"},
    {"word_zapper", "ec3beb6d8b5689e867bafb5d5f507491"},
};
/* clang-format on */
