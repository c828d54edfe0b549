/* Scripted policies of the built-in environments: the best action, taken with sight of what the
 * task hides. They serve as demonstrators and as the upper reference of scores; observations are
 * not their input. */
#ifndef PPI_ENV_SCRIPTED_H
#define PPI_ENV_SCRIPTED_H

#include <stdint.h>

#include "env/registry.h"

/* Best action (0..action_count-1) in the present state: the arm with the highest mean, the next
 * move to the goal (to the key, then to the door), the turn or move towards the platform. -1 for an
 * environment without a script. Draws nothing and changes nothing. */
int32_t ppi_scripted_action(const ppi_env *env);

/* The same by family; env is what create of the family returned. */
int32_t ppi_bandit_oracle(const void *env);
int32_t ppi_dark_oracle(const void *env);
int32_t ppi_watermaze_oracle(const void *env);

/* Where the swimmer and the platform's centre are (x, y in units, the pool's centre is 0,0), and
 * the heading in steps of 22.5 degrees counter-clockwise from +x. */
void ppi_watermaze_pose(const void *env, float swimmer[2], int32_t *heading, float place[2]);

#endif
