// The Arcade Learning Environment as an environment plugin: one game, one emulated frame per step.
//
// Nothing of the agent's rules (frame skip, resize, caps) is here, so that this file stays the
// only one that sees the emulator. Sticky actions are the exception: the emulator draws them
// itself, once per frame, from its own generator, and scores depend on that exact stream.
//
// The emulator ends the process when it meets a file that it cannot play, so create checks the file
// before the emulator sees it. No C++ exception leaves this file.
//
// Compile with -fno-access-control: the action that a sticky frame repeats is private to the
// emulator and not part of the state that it saves; save_state and load_state carry it.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__AVX512VBMI__)
#include <immintrin.h>
#endif

#include <polyplay/env.h>

#include "ale/ale_interface.hpp"
#include "ale/common/Log.hpp"
#include "ale/emucore/MD5.hxx"
#include "ale/emucore/TIA.hxx"
#include "ale/games/RomSettings.hpp"
#include "ale/games/Roms.hpp"

namespace {

constexpr int32_t kOk = 0;
constexpr int32_t kArgument = 1; // order of the status list
constexpr int32_t kNotFound = 2;
constexpr int32_t kInternal = 12;
constexpr uint32_t kStateMagic = 0x31454c41; // "ALE1"
constexpr int kMaskCount = 6;
constexpr int64_t kMaskSlack = 320; // entries
constexpr size_t kPictureBytes = 160 * 300; // one picture buffer of the video chip

const char *const kActionNames[PP_ENV_ACTIONS] = {
    "NOOP",      "FIRE",      "UP",          "RIGHT",      "LEFT",          "DOWN",
    "UPRIGHT",   "UPLEFT",    "DOWNRIGHT",   "DOWNLEFT",   "UPFIRE",        "RIGHTFIRE",
    "LEFTFIRE",  "DOWNFIRE",  "UPRIGHTFIRE", "UPLEFTFIRE", "DOWNRIGHTFIRE", "DOWNLEFTFIRE",
};

struct Game {
    std::string id;
    std::string rom;
    std::string md5;
    float sticky = 0.0f;
    int32_t mode = 0;
    int32_t difficulty = 0;
    bool ram = false;       // observations are the memory of the console, not its picture
    uint8_t grey[256] = {}; // grey level of each palette entry
    std::unique_ptr<ale::ALEInterface> emulator;
    std::vector<uint8_t> start; // saved state of a freshly loaded game after its reset
};

// Fixed part of a saved state; the emulator's own state, the screen and the two picture buffers of
// the video chip follow. The emulator's own state leaves out what the fields below carry.
struct StateHeader {
    uint32_t magic;
    int32_t partial_frame; // the game has not finished its picture
    int32_t frame_greyed;
    int32_t frame_counter;
    int64_t frame_pointer;           // offset in the current picture buffer
    int64_t mask_offset[kMaskCount]; // offsets in the video chip's tables
    int32_t action_a;
    int32_t action_b;
    float paddle_a;
    float paddle_b;
    uint32_t screen_bytes;
    uint64_t emulator_bytes;
};

int32_t fail(pp_env_error *error, int32_t status, const std::string &text) {
    if (error != nullptr) {
        std::snprintf(error->text, sizeof(error->text), "%s", text.c_str());
    }
    return status;
}

// Runs `body` and turns an exception into a status.
template <typename Body> int32_t guarded(pp_env_error *error, Body body) {
    try {
        return body();
    } catch (const std::exception &reason) {
        return fail(error, kInternal, std::string("the emulator failed: ") + reason.what());
    } catch (...) {
        return fail(error, kInternal, "the emulator failed for an unknown reason");
    }
}

size_t screen_size(const Game &game) {
    const ale::ALEScreen &screen = game.emulator->getScreen();
    return screen.height() * screen.width();
}

// Checks what the emulator would end the process for.
int32_t check_rom(Game *game, pp_env_error *error) {
    std::ifstream file(game->rom, std::ios::binary);
    if (!file.good()) {
        return fail(error, kNotFound, "the ROM " + game->rom + " cannot be read");
    }
    std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(file)),
                               std::istreambuf_iterator<char>());
    if (bytes.size() < 1024 || bytes.size() > 512 * 1024) {
        return fail(error, kArgument,
                    "the ROM " + game->rom + " has " + std::to_string(bytes.size()) +
                        " bytes; a game has between 1024 and 524288");
    }
    game->md5 = ale::stella::MD5(bytes.data(), static_cast<uint32_t>(bytes.size()));
    const std::string stem = std::filesystem::path(game->rom).stem().string();
    for (const char *two_player : {"combat", "joust", "maze_craze", "warlords"}) {
        if (stem == two_player) {
            return fail(error, kArgument, "the ROM " + game->rom + " needs two players");
        }
    }
    // A private table of the emulator knows the games that it can score.
    std::unique_ptr<ale::RomSettings> settings(ale::buildRomRLWrapper(game->rom, game->md5));
    if (!settings) {
        return fail(error, kArgument,
                    "the emulator knows neither the md5 " + game->md5 + " of " + game->rom +
                        " nor a game named " + stem);
    }
    return kOk;
}

void load(Game *game) {
    ale::ALEInterface &emulator = *game->emulator;
    emulator.setInt("random_seed", 0);
    emulator.setFloat("repeat_action_probability", game->sticky);
    emulator.setInt("frame_skip", 1);
    emulator.loadROM(game->rom);
}

// "0..3 8": runs of numbers that follow each other are joined.
template <typename List> std::string numbers(const List &list) {
    std::vector<int64_t> sorted(list.begin(), list.end());
    std::sort(sorted.begin(), sorted.end());
    std::string text;
    for (size_t i = 0; i < sorted.size();) {
        size_t last = i;
        while (last + 1 < sorted.size() && sorted[last + 1] == sorted[last] + 1) {
            last++;
        }
        text += (text.empty() ? "" : " ") + std::to_string(sorted[i]);
        text += last > i ? ".." + std::to_string(sorted[last]) : "";
        i = last + 1;
    }
    return text;
}

// Selects mode and difficulty; they act from the next reset on.
int32_t set_variant(Game *self, pp_env_error *error) {
    Game &game = *self;
    const auto modes = game.emulator->getAvailableModes();
    if (game.mode != 0 &&
        std::find(modes.begin(), modes.end(), static_cast<ale::game_mode_t>(game.mode)) ==
            modes.end()) {
        return fail(error, kArgument, "mode " + std::to_string(game.mode) + " of " + game.id +
                                          " does not exist; modes: " + numbers(modes));
    }
    const auto levels = game.emulator->getAvailableDifficulties();
    if (game.difficulty != 0 &&
        std::find(levels.begin(), levels.end(),
                  static_cast<ale::difficulty_t>(game.difficulty)) == levels.end()) {
        return fail(error, kArgument,
                    "difficulty " + std::to_string(game.difficulty) + " of " + game.id +
                        " does not exist; difficulties: " + numbers(levels));
    }
    if (game.mode != 0) {
        game.emulator->setMode(static_cast<ale::game_mode_t>(game.mode));
    }
    if (game.difficulty != 0) {
        game.emulator->setDifficulty(static_cast<ale::difficulty_t>(game.difficulty));
    }
    return kOk;
}

ale::stella::TIA &video_chip(const Game &game) {
    return static_cast<ale::stella::TIA &>(game.emulator->theOSystem->console().mediaSource());
}

void ale_destroy(void *env) {
    delete static_cast<Game *>(env);
}

void ale_describe(const void *env, pp_env_spec *spec) {
    const Game &game = *static_cast<const Game *>(env);
    std::memset(spec, 0, sizeof(*spec));
    const ale::ALEScreen &screen = game.emulator->getScreen();
    std::snprintf(spec->id, sizeof(spec->id), "%s", game.id.c_str());
    spec->obs_h = static_cast<int32_t>(screen.height());
    spec->obs_w = static_cast<int32_t>(screen.width());
    spec->obs_c = 1;
    spec->render_h = spec->obs_h;
    spec->render_w = spec->obs_w;
    spec->action_count = PP_ENV_ACTIONS;
    for (const ale::Action action : game.emulator->getMinimalActionSet()) {
        const int32_t full = static_cast<int32_t>(action);
        if (full < 0 || full >= PP_ENV_ACTIONS || spec->min_actions >= PP_ENV_ACTIONS) {
            continue;
        }
        std::snprintf(spec->action_names[spec->min_actions], sizeof(spec->action_names[0]), "%s",
                      kActionNames[full]);
        spec->action_list[spec->min_actions++] = full;
    }
    spec->frame_skip = 1;
    spec->sticky = game.sticky;
    spec->mode = game.mode;
    spec->difficulty = game.difficulty;
    if (game.ram) {
        spec->obs_h = 1;
        spec->obs_w = static_cast<int32_t>(game.emulator->getRAM().size());
    }
    std::snprintf(spec->view, sizeof(spec->view), game.ram ? "ram" : "screen");
    std::snprintf(spec->modes, sizeof(spec->modes), "%s",
                  numbers(game.emulator->getAvailableModes()).c_str());
    std::snprintf(spec->difficulties, sizeof(spec->difficulties), "%s",
                  numbers(game.emulator->getAvailableDifficulties()).c_str());
    std::snprintf(spec->backend, sizeof(spec->backend), "ale");
    std::snprintf(spec->backend_version, sizeof(spec->backend_version), "%s", ALE_VERSION);
    std::snprintf(spec->rom_md5, sizeof(spec->rom_md5), "%s", game.md5.c_str());
}

// Grey levels of the palette, looked up in the emulator's own table.
void read_palette(Game *game) {
    uint8_t entries[256];
    for (int i = 0; i < 256; i++) {
        entries[i] = static_cast<uint8_t>(i);
    }
    // The level of an entry stands behind it, so the last entry has none.
    game->emulator->theOSystem->colourPalette().applyPaletteGrayscale(game->grey, entries, 255);
}

void write_gray(const Game &game, uint8_t *obs) {
    const uint8_t *screen = game.emulator->getScreen().getArray();
    const size_t size = screen_size(game);
    size_t i = 0;
#if defined(__AVX512VBMI__)
    const __m512i table[4] = {_mm512_loadu_si512(game.grey), _mm512_loadu_si512(game.grey + 64),
                              _mm512_loadu_si512(game.grey + 128),
                              _mm512_loadu_si512(game.grey + 192)};
    for (; i + 64 <= size; i += 64) {
        const __m512i index = _mm512_loadu_si512(screen + i);
        const __m512i low = _mm512_permutex2var_epi8(table[0], index, table[1]);
        const __m512i high = _mm512_permutex2var_epi8(table[2], index, table[3]);
        const __mmask64 upper = _mm512_movepi8_mask(index);
        _mm512_storeu_si512(obs + i, _mm512_mask_mov_epi8(low, upper, high));
    }
#endif
    for (; i < size; i++) {
        obs[i] = game.grey[screen[i]];
    }
}

void write_obs(const Game &game, uint8_t *obs) {
    if (game.ram) {
        const ale::ALERAM &ram = game.emulator->getRAM();
        std::memcpy(obs, ram.array(), ram.size());
    } else {
        write_gray(game, obs);
    }
}

void fill_result(const Game &game, double reward, int32_t frames, pp_env_result *result) {
    result->reward = reward;
    result->terminated = game.emulator->game_over() ? 1 : 0;
    result->truncated = 0;
    result->lives = game.emulator->lives();
    result->frames = frames;
}

int32_t ale_step(void *env, int32_t action, uint8_t *obs, pp_env_result *result,
                 pp_env_error *error) {
    if (action < 0 || action >= PP_ENV_ACTIONS) {
        return fail(error, kArgument,
                    "action " + std::to_string(action) + " is not in 0..17");
    }
    return guarded(error, [&]() -> int32_t {
        Game &game = *static_cast<Game *>(env);
        const double reward = game.emulator->act(static_cast<ale::Action>(action));
        if (obs != nullptr) {
            write_obs(game, obs);
        }
        fill_result(game, reward, 1, result);
        return kOk;
    });
}

int32_t ale_observe(void *env, uint8_t *obs, pp_env_error *error) {
    return guarded(error, [&]() -> int32_t {
        write_obs(*static_cast<Game *>(env), obs);
        return kOk;
    });
}

// Distance of a mask from the start of its table, in entries. The emulator leaves a mask far outside
// its table while the object is switched off; nothing reads it then, and 0 stands for it.
template <typename Entry, typename Table> int64_t offset_in(const Entry *mask, const Table &table) {
    const int64_t entries = static_cast<int64_t>(sizeof(table) / sizeof(Entry));
    const int64_t offset = mask - reinterpret_cast<const Entry *>(&table);
    return offset >= -kMaskSlack && offset < entries + kMaskSlack ? offset : 0;
}

// The mask at a saved distance. The emulator itself lets a mask lie up to a scan line beside its
// table when an object stands off the screen; a distance farther out is an error.
template <typename Entry, typename Table>
const Entry *mask_at(int64_t offset, const Table &table) {
    const int64_t entries = static_cast<int64_t>(sizeof(table) / sizeof(Entry));
    if (offset < -kMaskSlack || offset >= entries + kMaskSlack) {
        throw std::runtime_error("the saved state points outside the video tables");
    }
    return reinterpret_cast<const Entry *>(&table) + offset;
}

void save_video(const Game &game, StateHeader *header, uint8_t *pictures) {
    using ale::stella::TIA;
    const TIA &tia = video_chip(game);
    header->partial_frame = tia.myPartialFrameFlag;
    header->frame_greyed = tia.myFrameGreyed;
    header->frame_counter = tia.myFrameCounter;
    header->frame_pointer = tia.myFramePointer - tia.myCurrentFrameBuffer;
    header->mask_offset[0] = offset_in(tia.myCurrentBLMask, TIA::ourBallMaskTable);
    header->mask_offset[1] = offset_in(tia.myCurrentM0Mask, TIA::ourMissleMaskTable);
    header->mask_offset[2] = offset_in(tia.myCurrentM1Mask, TIA::ourMissleMaskTable);
    header->mask_offset[3] = offset_in(tia.myCurrentP0Mask, TIA::ourPlayerMaskTable);
    header->mask_offset[4] = offset_in(tia.myCurrentP1Mask, TIA::ourPlayerMaskTable);
    header->mask_offset[5] = offset_in(tia.myCurrentPFMask, TIA::ourPlayfieldTable);
    std::memcpy(pictures, tia.myCurrentFrameBuffer, kPictureBytes);
    std::memcpy(pictures + kPictureBytes, tia.myPreviousFrameBuffer, kPictureBytes);
}

void load_video(const Game &game, const StateHeader &header, const uint8_t *pictures) {
    using ale::stella::TIA;
    TIA &tia = video_chip(game);
    if (header.frame_pointer < 0 ||
        header.frame_pointer > static_cast<int64_t>(kPictureBytes)) {
        throw std::runtime_error("the saved state points outside the picture");
    }
    tia.myPartialFrameFlag = header.partial_frame != 0;
    tia.myFrameGreyed = header.frame_greyed != 0;
    tia.myFrameCounter = header.frame_counter;
    tia.myFramePointer = tia.myCurrentFrameBuffer + header.frame_pointer;
    tia.myCurrentBLMask = mask_at<uint8_t>(header.mask_offset[0], TIA::ourBallMaskTable);
    tia.myCurrentM0Mask = mask_at<uint8_t>(header.mask_offset[1], TIA::ourMissleMaskTable);
    tia.myCurrentM1Mask = mask_at<uint8_t>(header.mask_offset[2], TIA::ourMissleMaskTable);
    tia.myCurrentP0Mask = mask_at<uint8_t>(header.mask_offset[3], TIA::ourPlayerMaskTable);
    tia.myCurrentP1Mask = mask_at<uint8_t>(header.mask_offset[4], TIA::ourPlayerMaskTable);
    tia.myCurrentPFMask = mask_at<uint32_t>(header.mask_offset[5], TIA::ourPlayfieldTable);
    std::memcpy(tia.myCurrentFrameBuffer, pictures, kPictureBytes);
    std::memcpy(tia.myPreviousFrameBuffer, pictures + kPictureBytes, kPictureBytes);
}

int32_t ale_save(void *env, uint8_t *buffer, uint64_t size, uint64_t *needed,
                 pp_env_error *error) {
    return guarded(error, [&]() -> int32_t {
        Game &game = *static_cast<Game *>(env);
        ale::ALEState state = game.emulator->cloneSystemState();
        const std::string bytes = state.serialize();
        const size_t screen_bytes = screen_size(game);
        *needed = sizeof(StateHeader) + bytes.size() + screen_bytes + 2 * kPictureBytes;
        if (buffer == nullptr) {
            return kOk;
        }
        if (size < *needed) {
            return fail(error, kArgument, "the state needs " + std::to_string(*needed) +
                                              " bytes, the buffer has " + std::to_string(size));
        }
        const ale::StellaEnvironment &inner = *game.emulator->environment;
        StateHeader header = {};
        header.magic = kStateMagic;
        header.action_a = static_cast<int32_t>(inner.m_player_a_action);
        header.action_b = static_cast<int32_t>(inner.m_player_b_action);
        header.paddle_a = inner.m_paddle_a_strength;
        header.paddle_b = inner.m_paddle_b_strength;
        header.screen_bytes = static_cast<uint32_t>(screen_bytes);
        header.emulator_bytes = bytes.size();
        uint8_t *const pictures = buffer + sizeof(header) + bytes.size() + screen_bytes;
        save_video(game, &header, pictures);
        std::memcpy(buffer, &header, sizeof(header));
        std::memcpy(buffer + sizeof(header), bytes.data(), bytes.size());
        std::memcpy(buffer + sizeof(header) + bytes.size(), game.emulator->getScreen().getArray(),
                    screen_bytes);
        return kOk;
    });
}

int32_t ale_load(void *env, const uint8_t *buffer, uint64_t size, pp_env_error *error) {
    return guarded(error, [&]() -> int32_t {
        Game &game = *static_cast<Game *>(env);
        StateHeader header;
        if (size < sizeof(header)) {
            return fail(error, kArgument, "the saved state is too short");
        }
        std::memcpy(&header, buffer, sizeof(header));
        if (header.magic != kStateMagic || header.screen_bytes != screen_size(game) ||
            header.emulator_bytes > size - sizeof(header) ||
            size != sizeof(header) + header.emulator_bytes + header.screen_bytes +
                        2 * kPictureBytes) {
            return fail(error, kArgument, "the saved state is not one of " + game.id);
        }
        const char *bytes = reinterpret_cast<const char *>(buffer + sizeof(header));
        const ale::ALEState state(std::string(bytes, header.emulator_bytes));
        game.emulator->restoreSystemState(state);
        ale::StellaEnvironment &inner = *game.emulator->environment;
        inner.m_player_a_action = static_cast<ale::Action>(header.action_a);
        inner.m_player_b_action = static_cast<ale::Action>(header.action_b);
        inner.m_paddle_a_strength = header.paddle_a;
        inner.m_paddle_b_strength = header.paddle_b;
        std::memcpy(inner.m_screen.getArray(), bytes + header.emulator_bytes,
                    header.screen_bytes);
        load_video(game, header, reinterpret_cast<const uint8_t *>(bytes) +
                                     header.emulator_bytes + header.screen_bytes);
        return kOk;
    });
}

// A reset with a seed equals loading the game anew with that seed: nothing before the first action
// draws from the seeded generator, so the start is one saved state, and loading it takes a
// thousandth of the time that the emulator needs to load a game.
int32_t ale_reset(void *env, uint64_t seed, uint8_t *obs, pp_env_result *result,
                  pp_env_error *error) {
    return guarded(error, [&]() -> int32_t {
        Game &game = *static_cast<Game *>(env);
        if (seed == PP_ENV_KEEP_SEED) {
            game.emulator->reset_game();
        } else {
            const int32_t status = ale_load(env, game.start.data(), game.start.size(), error);
            if (status != kOk) {
                return status;
            }
            game.emulator->environment->m_random.seed(static_cast<uint32_t>(seed & 0x7fffffff));
        }
        if (obs != nullptr) {
            write_obs(game, obs);
        }
        fill_result(game, 0.0, 0, result);
        return kOk;
    });
}

int32_t ale_create(void **out, const pp_env_config *config, pp_env_error *error) {
    *out = nullptr;
    if (config->struct_size < sizeof(pp_env_config) || config->rom_path == nullptr) {
        return fail(error, kArgument, "the plugin needs a configuration with a ROM path");
    }
    return guarded(error, [&]() -> int32_t {
        static std::once_flag quiet;
        std::call_once(quiet, [] { ale::Logger::setMode(ale::Logger::Error); });
        auto game = std::make_unique<Game>();
        game->id = config->id != nullptr ? config->id : "ale";
        game->rom = config->rom_path;
        game->sticky = static_cast<float>(config->sticky);
        const int32_t rom_status = check_rom(game.get(), error);
        if (rom_status != kOk) {
            return rom_status;
        }
        game->emulator = std::make_unique<ale::ALEInterface>();
        load(game.get());
        read_palette(game.get());
        game->mode = config->mode;
        game->difficulty = config->difficulty;
        game->ram = config->view != nullptr && std::strcmp(config->view, "ram") == 0;
        const int32_t variant_status = set_variant(game.get(), error);
        if (variant_status != kOk) {
            return variant_status;
        }
        game->emulator->reset_game();
        uint64_t size = 0;
        int32_t status = ale_save(game.get(), nullptr, 0, &size, error);
        if (status == kOk) {
            game->start.resize(size);
            status = ale_save(game.get(), game->start.data(), size, &size, error);
        }
        if (status == kOk) {
            *out = game.release();
        }
        return status;
    });
}

int32_t ale_render(void *env, uint8_t *rgb, pp_env_error *error) {
    return guarded(error, [&]() -> int32_t {
        const Game &game = *static_cast<Game *>(env);
        game.emulator->theOSystem->colourPalette().applyPaletteRGB(
            rgb, game.emulator->getScreen().getArray(), screen_size(game));
        return kOk;
    });
}

const pp_env_vtable kTable = {
    PP_ENV_ABI_VERSION, sizeof(pp_env_vtable), "ale",    ALE_VERSION, ale_create,
    ale_destroy,        ale_describe,          ale_reset, ale_step,    ale_observe,
    ale_save,           ale_load,              ale_render,
};

} // namespace

extern "C" __attribute__((visibility("default"))) const pp_env_vtable *pp_env_plugin(void) {
    return &kTable;
}
