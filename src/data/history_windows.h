/* Windows of whole learning histories, for methods that learn from learning.
 *
 * A window is T consecutive rows of one history: it runs across the ends of its episodes and never
 * into another history. Options leave out histories and whole episodes of the others; what is left
 * of a history lies side by side, in its order. A draw takes a game, a history of the game, then
 * the first row, each uniformly, so that every run of a learner counts the same, however long it
 * is; the loss of a method sums over the rows of a window (Laskin et al. 2022, equation 1).
 *
 * Order of the options: data.tasks, data.min-return, data.first, data.converged, data.tail,
 * data.every. Shares are shares of episodes; of a history that is one episode (a bandit) they are
 * shares of its steps. An episode that was cut, the last one of an interrupted recording, is not
 * used without keep_cut. */
#ifndef PPI_DATA_HISTORY_WINDOWS_H
#define PPI_DATA_HISTORY_WINDOWS_H

#include "data/loader.h"
#include "data/mixture.h"

typedef struct ppi_history_windows ppi_history_windows;

/* PP_ERR_ARGUMENT: a dataset without histories; PP_ERR_SHAPE: histories of different spaces. */
pp_status ppi_history_windows_check(ppi_dataset *const *datasets, int count);

/* Selects histories and episodes of datasets that were checked. The games of the zeroed `mixture`
 * are filled (info alone, no episodes); returns-to-go are not made. Observations that take no more
 * than `room` bytes are read into memory, others are fetched block by block. The datasets are
 * borrowed. PP_ERR_ARGUMENT: options that leave nothing, windows longer than any history. */
pp_status ppi_history_windows_create(ppi_history_windows **out, ppi_mixture *mixture,
                                     ppi_dataset *const *datasets, int count,
                                     const ppi_sampler_options *options, int64_t room);
void ppi_history_windows_destroy(ppi_history_windows *w); /* NULL is allowed */

/* Bytes of tables and observations. */
int64_t ppi_history_windows_bytes(const ppi_history_windows *w);
/* True when no loader is needed. */
bool ppi_history_windows_in_memory(const ppi_history_windows *w);
/* Components of an observation of cells, fewer than stored with the option of that name; else the
 * channels. */
int64_t ppi_history_windows_channels(const ppi_history_windows *w);
/* Tasks of a game's histories, each once, in the order of the data; owned by the windows. */
const int64_t *ppi_history_windows_tasks(const ppi_history_windows *w, int game, int64_t *count);

/* Batch `step`, its shape checked by the caller. rtg gets NaN: whoever learns from histories is not
 * conditioned on returns. */
pp_status ppi_history_windows_fill(const ppi_history_windows *w, int64_t step, const ppi_batch *out,
                                   ppi_loader *loader, ppi_cache *cache);

#endif
