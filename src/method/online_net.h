/* The network of an online learner, compiled: a torso over stacked frames, an LSTM where asked for,
 * and one linear head. The loss is the learner's own: it reads the head after the forward half of a
 * run, writes the gradient of its loss with respect to the head, and runs the backward half. */
#ifndef PPI_METHOD_ONLINE_NET_H
#define PPI_METHOD_ONLINE_NET_H

#include "method/method.h"
#include "model/torso.h"

/* What the network looks at and puts out. */
typedef struct ppi_online_net_spec {
    ppi_obs_spec obs;
    ppi_torso_config torso;
    int stack;            /* frames side by side in the channels */
    int64_t outputs;      /* columns of the head */
    int64_t lstm;         /* width of the recurrent core between torso and head; 0 = none */
    double head_variance; /* of the head's first outputs over that of its inputs; 0 = 1 */
} ppi_online_net_spec;

/* Sizes of the methods with such a network: the names of the torsos, "arcade" first. */
extern const char *const ppi_online_net_sizes[];

/* Fills a spec: the torso called `size`, and `stack` frames (0 = 4 for grey images, else 1).
 * PP_ERR_ARGUMENT for the torso of small boards under large images. */
pp_status ppi_online_net_spec_fill(ppi_online_net_spec *spec, const ppi_obs_spec *obs,
                                   const char *size, int64_t stack, int64_t outputs);

/* One compiled form. Zeroed = empty. */
typedef struct ppi_online_net {
    ppi_graph *graph;
    ppi_plan *plan;
    int64_t batch; /* rows: sequences times steps */
    int64_t steps; /* of a sequence, rows of one sequence side by side */
    int64_t outputs;
    int threads;  /* at work: 1 where a run is too short to be shared */
    void *frames; /* [batch, h, w, c * stack] u8, or f32 for PP_OBS_FLOAT: the plan's input */
    float *head;  /* [batch, outputs] f32 after a forward run */
    float *dhead; /* [batch, outputs] to be filled before a backward run; NULL without gradients */
    int split;    /* first step of the backward half */
    /* With a recurrent core: state before the first step [sequences, lstm], 1 where an episode
     * begins with the step [sequences, steps], state behind the last step [sequences, lstm]. */
    float *h0, *c0;
    uint8_t *reset;
    float *h, *c;
    float *copy; /* owned: head where the plan keeps it in another type */
} ppi_online_net;

/* Bytes of one stack of frames. */
int64_t ppi_online_stack_bytes(const ppi_online_net_spec *spec);
/* Registers the network's parameters in an empty set, allocates and draws them. */
pp_status ppi_online_params(ppi_params **out, const ppi_online_net_spec *spec,
                            const ppi_agent_config *cfg);
/* Compiles for `batch` rows over these parameters; train: with gradients. */
pp_status ppi_online_net_open(ppi_online_net *net, const ppi_online_net_spec *spec,
                              ppi_params *params, const ppi_agent_config *cfg, int64_t batch,
                              bool train);
/* The same for `sequences` of `steps` rows, which a recurrent core passes through in order. */
pp_status ppi_online_net_open_sequences(ppi_online_net *net, const ppi_online_net_spec *spec,
                                        ppi_params *params, const ppi_agent_config *cfg,
                                        int64_t sequences, int64_t steps, bool train);
void ppi_online_net_close(ppi_online_net *net);
/* frames -> head. */
pp_status ppi_online_net_forward(ppi_online_net *net);
/* dhead -> gradients of the parameters; the forward run must be the latest of this net. */
pp_status ppi_online_net_backward(ppi_online_net *net);

#endif
