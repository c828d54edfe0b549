/* Views of recorded episodes; see train_view.h. */
#include "run/train_view.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/arcade/arcade.h"
#include "run/board.h"
#include "run/train_job.h"

static bool is_planes(const ppi_dataset *d) {
    return strcmp(ppi_dataset_meta(d)->view, "planes") == 0;
}

static bool is_grey(const ppi_dataset *d) {
    const pp_dataset_info *info = ppi_dataset_info(d);
    return info->height == PPI_GREY_SIDE && info->width == PPI_GREY_SIDE && info->channels == 1;
}

static void paint(const void *painter, uint8_t *out, const uint8_t *in) {
    ppi_painter_grey(painter, out, in);
}

/* Planes are painted; frames that are pictures already stay. */
static pp_status use_pictures(ppi_train_view *v, const ppi_train_view_request *q) {
    v->painter = ppi_calloc((size_t)q->count, sizeof *v->painter);
    v->painters = ppi_calloc((size_t)q->count, sizeof *v->painters);
    if (v->painter == NULL || v->painters == NULL) return ppi_oom("the painters of datasets");
    for (int i = 0; i < q->count; i++) {
        const ppi_dataset *d = q->datasets[i];
        const ppi_store_meta *meta = ppi_dataset_meta(d);
        if (is_grey(d)) continue;
        if (!is_planes(d) || !ppi_arcade_painter(&v->painter[i], meta->env, meta->mode)) {
            return ppi_fail(PP_ERR_UNSUPPORTED,
                            "data.view grey84: %s holds view '%s' of %s; pictures are painted from "
                            "planes of arcade games alone",
                            ppi_dataset_folder(d), meta->view, meta->env);
        }
        v->painters[i] = &v->painter[i];
    }
    v->obs = ppi_obs_spec_of(PPI_GREY_SIDE, PPI_GREY_SIDE, 1);
    v->frames = (ppi_frame_view){
        .H = PPI_GREY_SIDE, .W = PPI_GREY_SIDE, .C = 1, .paint = paint, .painters = v->painters};
    return PP_OK;
}

static bool one_game(const ppi_train_view_request *q) {
    const char *first = ppi_dataset_info(q->datasets[0])->env;
    for (int i = 1; i < q->count; i++) {
        if (strcmp(ppi_dataset_info(q->datasets[i])->env, first) != 0) return false;
    }
    return true;
}

/* The board that planes are padded to, zeros where they are not. */
static pp_status choose_board(int64_t board[3], const ppi_train_view_request *q) {
    PPI_TRY(ppi_board_parse(board, q->board));
    if (q->before != NULL && strcmp(q->before->view, "planes") == 0) {
        board[0] = q->before->h;
        board[1] = q->before->w;
        board[2] = q->before->c;
    } else if (one_game(q)) {
        memset(board, 0, 3 * sizeof *board);
    } else if (board[0] == 0) {
        board[0] = PPI_BOARD_H;
        board[1] = PPI_BOARD_W;
        board[2] = PPI_BOARD_C;
    }
    return PP_OK;
}

static pp_status use_boards(ppi_train_view *v, const ppi_train_view_request *q) {
    int64_t board[3];
    for (int i = 0; i < q->count; i++) {
        if (!is_planes(q->datasets[i])) return PP_OK;
    }
    PPI_TRY(choose_board(board, q));
    if (board[0] == 0) return PP_OK;
    v->obs = ppi_obs_spec_of(board[0], board[1], board[2]);
    v->frames = (ppi_frame_view){.H = board[0], .W = board[1], .C = board[2]};
    return PP_OK;
}

static pp_status check_stored(const ppi_train_view_request *q) {
    for (int i = 0; i < q->count && q->view[0] != '\0'; i++) {
        const char *stored = ppi_dataset_meta(q->datasets[i])->view;
        if (strcmp(q->view, stored) == 0) continue;
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "data.view %s: %s holds view '%s', from which grey84 alone is painted",
                        q->view, ppi_dataset_folder(q->datasets[i]), stored);
    }
    return PP_OK;
}

static pp_status choose(ppi_train_view *v, const ppi_train_view_request *q) {
    const pp_dataset_info *info = ppi_dataset_info(q->datasets[0]);
    if (strcmp(q->view, "grey84") == 0) return use_pictures(v, q);
    PPI_TRY(check_stored(q));
    v->obs = ppi_obs_spec_of(info->height, info->width, info->channels);
    return use_boards(v, q);
}

pp_status ppi_train_view_open(ppi_train_view *out, const ppi_train_view_request *request) {
    memset(out, 0, sizeof *out);
    const pp_status s = choose(out, request);
    if (s != PP_OK) ppi_train_view_free(out);
    return s;
}

void ppi_train_view_free(ppi_train_view *v) {
    ppi_free(v->painter);
    ppi_free(v->painters);
    memset(v, 0, sizeof *v);
}
