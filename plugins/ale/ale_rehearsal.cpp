// Plays the games named on the command line, 900 frames of random actions each. tools/setup_ale
// runs it on an instrumented build of the emulator, so that the final build knows what is hot.
#include <cstdint>
#include <cstdio>
#include <exception>

#include "ale/ale_interface.hpp"
#include "ale/common/Log.hpp"

namespace {

constexpr int kFrames = 900;

void play(const char *rom) {
    ale::ALEInterface game;
    game.setInt("random_seed", 1);
    game.setFloat("repeat_action_probability", 0.0f);
    game.loadROM(rom);
    const ale::ActionVect actions = game.getMinimalActionSet();
    uint32_t state = 1;
    for (int frame = 0; frame < kFrames; frame++) {
        if (frame % 4 == 0) {
            state = state * 1664525u + 1013904223u;
        }
        game.act(actions[(state >> 16) % actions.size()]);
        if (game.game_over()) {
            game.reset_game();
        }
    }
}

} // namespace

int main(int count, char **arguments) {
    ale::Logger::setMode(ale::Logger::Error);
    try {
        for (int i = 1; i < count; i++) {
            play(arguments[i]);
        }
    } catch (const std::exception &reason) {
        std::fprintf(stderr, "ale_rehearsal: %s\n", reason.what());
        return 1;
    }
    return 0;
}
