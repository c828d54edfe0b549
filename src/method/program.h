/* A graph and the plan compiled from it, as agents hold them, and what training on recorded windows
   has in common whatever the network is. */
#ifndef PPI_METHOD_PROGRAM_H
#define PPI_METHOD_PROGRAM_H

#include "method/method.h"

/* Zeroed = empty. */
typedef struct ppi_program {
    ppi_graph *graph;
    ppi_plan *plan;
} ppi_program;

/* Makes the agent's parameters out of what a builder registers in a graph of its own: open gives the
   empty graph, make releases it, allocates the parameters and draws them from the agent's seed.
   `built` is what the builder returned: its failure is returned. The parameters are the agent's
   whether this succeeds or not. */
pp_status ppi_program_params_open(ppi_graph **graph, ppi_agent *a);
pp_status ppi_program_params_make(ppi_graph *graph, ppi_agent *a, pp_status built);

/* Opens an empty program with an empty graph over the agent's parameters, to be written by a
   builder; then compiles it with the agent's backend, arithmetic, threads and seed. `built` is what
   the builder returned: a failure, of it or of the compilation, empties the program and is
   returned. */
pp_status ppi_program_open(ppi_program *p, const ppi_agent *a);
pp_status ppi_program_compile(ppi_program *p, const ppi_agent *a, pp_status built);
void ppi_program_clear(ppi_program *p);

/* Input memory by name, an f32 output by name, and a float output copied as f32 (n elements). Names
   that are missing are PP_ERR_INTERNAL. */
pp_status ppi_program_input(const ppi_program *p, const char *name, void **out);
pp_status ppi_program_output(const ppi_program *p, const char *name, const float **out);
pp_status ppi_program_read(const ppi_program *p, const char *name, float *out, int64_t n);

/* PP_ERR_ARGUMENT before the training program was made; PP_ERR_SHAPE for a batch of other than
   `windows` windows of `steps` steps, or of other observations than the agent's. */
pp_status ppi_program_check_batch(const ppi_program *train, const ppi_agent *a,
                                  const struct ppi_batch *b, int64_t windows, int64_t steps);
/* PP_ERR_NUMERIC for a loss that is not finite: names the first parameter, else the first gradient,
   that is not finite. */
pp_status ppi_program_not_finite(const ppi_agent *a, int64_t step, double loss);
/* Share of the n rows of logits [n,classes] whose largest entry is that of the choice. */
double ppi_program_accuracy(const float *logits, const int32_t *choice, int64_t n, int64_t classes);

#endif
