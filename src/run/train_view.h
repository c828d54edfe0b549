/* What an agent that learns from recorded episodes sees of them: frames as stored, planes of
 * several games padded to one board, or pictures painted from stored planes. */
#ifndef PPI_RUN_TRAIN_VIEW_H
#define PPI_RUN_TRAIN_VIEW_H

#include "data/frame_view.h"
#include "env/arcade/paint.h"
#include "method/method.h"

typedef struct ppi_train_view {
    ppi_obs_spec obs;      /* of the agent */
    ppi_frame_view frames; /* for the sampler; its painters are those below */
    ppi_painter *painter;  /* [datasets] where pictures are painted, else NULL */
    const void **painters; /* [datasets] */
} ppi_train_view;

/* What is known when a view is chosen. */
typedef struct ppi_train_view_request {
    ppi_dataset *const *datasets;
    int count;
    const char *view;           /* --data.view: empty = as stored, or a stored view, or "grey84" */
    const char *board;          /* --model.board: "HxWxC" for planes of several games, or empty */
    const ppi_obs_spec *before; /* of the checkpoint that is trained on, NULL = none */
} ppi_train_view_request;

/* Planes of one game stay as they are, unless a checkpoint was trained on a larger board. Planes of
 * several games are padded to that of the checkpoint, to `board`, or to PPI_BOARD_*; a game that
 * does not fit is PP_ERR_SHAPE. PP_ERR_UNSUPPORTED: a view that is neither stored nor painted.
 * Release with ppi_train_view_free, also after a failure. */
pp_status ppi_train_view_open(ppi_train_view *out, const ppi_train_view_request *request);
void ppi_train_view_free(ppi_train_view *view);

#endif
