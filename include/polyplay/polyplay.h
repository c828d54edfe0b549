/* Everything public in one include. */
#ifndef POLYPLAY_POLYPLAY_H
#define POLYPLAY_POLYPLAY_H

#include <polyplay/agent.h>
#include <polyplay/dataset.h>
#include <polyplay/env.h>
#include <polyplay/status.h>
#include <polyplay/vec.h>

#endif
