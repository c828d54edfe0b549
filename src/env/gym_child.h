/* The Python process behind one Gymnasium environment: started, asked, and buried here. */
#ifndef PPI_ENV_GYM_CHILD_H
#define PPI_ENV_GYM_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <polyplay/env.h>

/* The operations of plugins/gym/bridge.py. */
typedef enum ppi_gym_operation { PPI_GYM_RESET = 1, PPI_GYM_STEP = 2, PPI_GYM_RENDER = 3 } ppi_gym_operation;

typedef struct ppi_gym_child {
    pid_t pid;      /* 0 = none runs */
    int link;       /* socket to it */
    int memory;     /* descriptor of the shared memory */
    int log;        /* descriptor of what it wrote to its standard error */
    uint8_t *map;   /* the shared memory, observation first */
    size_t map_size;
    char *facts;    /* its greeting, a JSON object; NULL before */
} ppi_gym_child;

/* What an operation brought. */
typedef struct ppi_gym_reply {
    double reward;
    bool terminated;
    bool truncated;
} ppi_gym_reply;

/* Starts Python on the environment `name` ("CartPole-v1") and waits for its greeting. The
 * interpreter is POLYPLAY_PYTHON, else the one tools/setup made, else python3. PP_ERR_NOT_FOUND
 * without one; PP_ERR_UNSUPPORTED with the text of the greeting when it refused. Release with
 * ppi_gym_child_stop. */
int32_t ppi_gym_child_start(ppi_gym_child *child, const char *name, pp_env_error *error);
/* Maps the shared memory, whose size follows from the greeting. */
int32_t ppi_gym_child_map(ppi_gym_child *child, size_t size, pp_env_error *error);
/* One operation. PP_ERR_ARGUMENT with its text when the environment raised an error; PP_ERR_IO when
 * the process died or does not answer: it is buried then, and the text ends with its last words. */
int32_t ppi_gym_child_ask(ppi_gym_child *child, ppi_gym_operation operation, int32_t action, uint64_t seed,
                          ppi_gym_reply *reply, pp_env_error *error);
/* Ends the process and releases everything; a child that is zeroed or stopped is left alone. */
void ppi_gym_child_stop(ppi_gym_child *child);

#endif
