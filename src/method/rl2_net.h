/* The recurrent network of RL2, compiled: the observation, through a torso where it is a picture,
 * beside the action, reward and end of the step before; a core with memory (LSTM layers, or a
 * pre-norm transformer over what it has seen); one linear head. A row of the inputs is one step of
 * one sequence; sequences lie one after another. */
#ifndef PPI_METHOD_RL2_NET_H
#define PPI_METHOD_RL2_NET_H

#include "method/method.h"
#include "model/torso.h"

enum { PPI_RL2_LAYERS = 8, PPI_RL2_MASK = 16 };

/* rl2.core */
enum { PPI_RL2_LSTM, PPI_RL2_TRANSFORMER };

typedef struct ppi_rl2_net_spec {
    ppi_obs_spec obs;
    const char *size;                 /* of the method: the torso of pictures */
    int core;                         /* PPI_RL2_* */
    int64_t layers, width;            /* of the core; layers <= PPI_RL2_LAYERS */
    int64_t heads, memory, positions; /* transformer: past steps kept; learned positions, of which
                                         later steps of a trial share the last */
    int64_t actions;                  /* choices, one-hot in the inputs */
    int64_t outputs;                  /* columns of the head */
} ppi_rl2_net_spec;

/* What one layer remembers. LSTM: h0, c0 [sequences, width] before the first step, h, c [sequences,
 * steps, width] and gates [sequences, steps, 4 width] behind each. Transformer: h0, c0 = the keys
 * and values of the memory [sequences, memory, width], a ring; h, c = those of the steps. */
typedef struct ppi_rl2_layer {
    float *h0, *c0;
    float *h, *c, *gates;
} ppi_rl2_layer;

/* One compiled form. Zeroed = empty. Inputs keep what was written to them from run to run. */
typedef struct ppi_rl2_net {
    const ppi_rl2_net_spec *spec;
    ppi_graph *graph;
    ppi_plan *plan;
    int64_t sequences, steps;
    void *frames;   /* [rows, h, w, c] u8, or f32 for PP_OBS_FLOAT */
    float *extra;   /* [rows, actions + 2] action before as one-hot, its reward, 1 = it ended an
                       episode; zeros at the start of a trial */
    uint8_t *reset; /* LSTM [rows]: 1 = a trial begins here */
    ppi_rl2_layer layer[PPI_RL2_LAYERS];
    /* transformer */
    int32_t *position;    /* [rows] steps of the trial before this one */
    float *mask_q;        /* [rows, heads, PPI_RL2_MASK] */
    float *mask_k;        /* [sequences, memory + steps, heads, PPI_RL2_MASK] */
    float *head;          /* [rows, outputs] after a forward run */
    float *dhead;         /* [rows, outputs] for a backward run; NULL without gradients */
    int core_step, split; /* first steps of the plan behind the torso and of the backward half */
    float *copy;          /* owned: head where the plan keeps it in another type */
} ppi_rl2_net;

/* How to compile. */
typedef struct ppi_rl2_form {
    int64_t sequences, steps;
    bool train; /* with gradients */
    bool kept;  /* train, LSTM: h, c and gates may be filled from single steps played before, and
                   ppi_rl2_net_backward_kept be run instead of the forward run */
} ppi_rl2_form;

/* Numbers of a row of `extra`. */
static inline int64_t ppi_rl2_extra(const ppi_rl2_net_spec *s) {
    return s->actions + 2;
}

/* Registers the parameters in an empty set, allocates and draws them. Forget gates begin open
 * (bias 1). */
pp_status ppi_rl2_params(ppi_params **out, const ppi_rl2_net_spec *spec,
                         const ppi_agent_config *cfg);
pp_status ppi_rl2_net_open(ppi_rl2_net *net, const ppi_rl2_net_spec *spec, ppi_params *params,
                           const ppi_agent_config *cfg, const ppi_rl2_form *form);
void ppi_rl2_net_close(ppi_rl2_net *net);
pp_status ppi_rl2_net_forward(ppi_rl2_net *net);
/* dhead -> gradients of the parameters; the forward run must be the latest of this net. */
pp_status ppi_rl2_net_backward(ppi_rl2_net *net);
/* The same from h, c and gates as they were filled in: only the torso is run forwards. */
pp_status ppi_rl2_net_backward_kept(ppi_rl2_net *net);

/* ---- nets of one step: every sequence is a stream that goes on ---- */

/* A trial begins in a row: nothing is remembered, and there was no step before. */
void ppi_rl2_net_begin(ppi_rl2_net *net, int64_t row);
/* What the next step of a row looks at; float observations may lie at any address. */
void ppi_rl2_net_look(ppi_rl2_net *net, int64_t row, const void *obs);
/* What the step before was. */
void ppi_rl2_net_outcome(ppi_rl2_net *net, int64_t row, int32_t choice, double reward, bool ended);
/* The forward run's state becomes the one before the next step. Call it before outcome. */
void ppi_rl2_net_carry(ppi_rl2_net *net, int64_t row);

/* ---- nets of several steps ---- */

/* Transformer: masks of a sequence whose rows lie in place, from `begins` [steps] (1 = a trial
 * begins), the filled slots of its memory and the position of its first row. PP_ERR_ARGUMENT for
 * more trials than PPI_RL2_MASK - 1 within the steps. */
pp_status ppi_rl2_net_mask(ppi_rl2_net *net, int64_t sequence, const uint8_t *begins,
                           int64_t filled, int64_t first_position);

#endif
