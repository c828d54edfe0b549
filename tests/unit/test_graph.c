/* The graph: shapes of results, sticky failures and their texts, names, and what differentiation leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tensor/graph.h"

static const ppi_init ZERO = {PPI_INIT_ZERO, 0.0f};

static ppi_graph *new_graph(ppi_params *params) {
    ppi_graph *g = NULL;
    assert_int_equal(ppi_graph_create(&g, params), PP_OK);
    return g;
}

static void assert_shape(const ppi_graph *g, ppi_value v, ppi_shape want) {
    const ppi_value_info *info = ppi_graph_value(g, v);
    assert_non_null(info);
    assert_int_equal(info->shape.ndim, want.ndim);
    for (int i = 0; i < want.ndim; i++) assert_int_equal(info->shape.dim[i], want.dim[i]);
}

static void assert_failed(ppi_graph *g, pp_status status, const char *part) {
    assert_int_equal(ppi_graph_status(g), status);
    if (!strstr(pp_last_error(), part)) fail_msg("\"%s\" does not hold \"%s\"", pp_last_error(), part);
    ppi_graph_destroy(g);
}

static void test_shapes(void **state) {
    (void)state;
    ppi_graph *g = new_graph(NULL);
    const ppi_value x = ppi_input(g, "x", PPI_F32, ppi_shape3(2, 5, 6));
    const ppi_value w = ppi_input(g, "w", PPI_F32, ppi_shape2(6, 4));
    assert_shape(g, ppi_linear(g, x, w, PPI_NONE, PPI_ACT_RELU), ppi_shape3(2, 5, 4));
    assert_shape(g, ppi_matmul(g, x, x, true, false), ppi_shape2(6, 6));
    assert_shape(g, ppi_permute(g, x, (const int[]){2, 0, 1}), ppi_shape3(6, 2, 5));
    assert_shape(g, ppi_slice(g, x, 1, 1, 2, 3), ppi_shape3(2, 2, 6));
    assert_shape(g, ppi_concat(g, (const ppi_value[]){x, x}, 2, 1), ppi_shape3(2, 10, 6));
    assert_shape(g, ppi_sum(g, x), ppi_shape1(1));
    assert_shape(g, ppi_attention(g, x, x, x, 3, 1.0f, NULL), ppi_shape3(2, 5, 6));
    const ppi_value image = ppi_input(g, "image", PPI_F32, ppi_shape4(1, 84, 84, 4));
    const ppi_value filter = ppi_input(g, "filter", PPI_F32, ppi_shape4(8, 8, 4, 32));
    assert_shape(g, ppi_conv2d(g, image, filter, PPI_NONE, 4, 0, PPI_ACT_RELU), ppi_shape4(1, 20, 20, 32));
    const ppi_value ids = ppi_input(g, "ids", PPI_I32, ppi_shape2(3, 2));
    assert_shape(g, ppi_embedding(g, w, ids), ppi_shape3(3, 2, 4));
    assert_int_equal(ppi_reshape(g, x, ppi_shape3(2, 5, 6)), x);
    assert_int_equal(ppi_dropout(g, x, 0.0f), x);
    assert_int_equal(ppi_graph_status(g), PP_OK);
    ppi_graph_destroy(g);
}

static void test_first_failure_sticks(void **state) {
    (void)state;
    ppi_graph *g = new_graph(NULL);
    const ppi_value x = ppi_input(g, "x", PPI_F32, ppi_shape2(2, 3));
    const ppi_value w = ppi_input(g, "w", PPI_F32, ppi_shape2(4, 5));
    const ppi_value bad = ppi_linear(g, x, w, PPI_NONE, PPI_ACT_NONE);
    assert_int_equal(bad, PPI_NONE);
    const int nodes = ppi_graph_node_count(g);
    assert_int_equal(ppi_add(g, x, x), PPI_NONE);
    assert_int_equal(ppi_graph_node_count(g), nodes);
    assert_failed(g, PP_ERR_SHAPE, "linear of f32 [2,3], f32 [4,5]");
}

static void test_failure_texts(void **state) {
    (void)state;
    ppi_graph *g = new_graph(NULL);
    ppi_value x = ppi_input(g, "x", PPI_F32, ppi_shape2(2, 3));
    (void)ppi_input(g, "x", PPI_F32, ppi_shape1(1));
    assert_failed(g, PP_ERR_EXISTS, "\"x\"");
    g = new_graph(NULL);
    x = ppi_input(g, "x", PPI_F32, ppi_shape2(2, 3));
    (void)ppi_slice(g, x, 1, 2, 2, 1);
    assert_failed(g, PP_ERR_SHAPE, "leaves the axis");
    g = new_graph(NULL);
    x = ppi_input(g, "x", PPI_F32, ppi_shape3(1, 2, 5));
    (void)ppi_attention(g, x, x, x, 2, 1.0f, NULL);
    assert_failed(g, PP_ERR_SHAPE, "not a multiple of 2 heads");
    g = new_graph(NULL);
    x = ppi_input(g, "x", PPI_F32, ppi_shape1(4));
    (void)ppi_dropout(g, x, 1.0f);
    assert_failed(g, PP_ERR_ARGUMENT, "probability");
    g = new_graph(NULL);
    (void)ppi_parameter(g, "w", ppi_shape1(1), ZERO);
    assert_failed(g, PP_ERR_ARGUMENT, "without parameters");
    g = new_graph(NULL);
    (void)ppi_add(g, 7, 8);
    assert_failed(g, PP_ERR_ARGUMENT, "add");
    g = new_graph(NULL);
    x = ppi_input(g, "x", PPI_F32, ppi_shape2(2, 3));
    assert_int_equal(ppi_graph_backward(g, x, NULL, 0, NULL), PP_ERR_SHAPE);
    assert_failed(g, PP_ERR_SHAPE, "loss of shape [1]");
}

/* Inputs of [2,3] f32 and [2,3] i32, and an image [1,5,7,4]. */
typedef struct bad_inputs {
    ppi_graph *g;
    ppi_value x, ids, image;
} bad_inputs;

static bad_inputs new_inputs(void) {
    bad_inputs b = {.g = new_graph(NULL)};
    b.x = ppi_input(b.g, "x", PPI_F32, ppi_shape2(2, 3));
    b.ids = ppi_input(b.g, "ids", PPI_I32, ppi_shape2(2, 3));
    b.image = ppi_input(b.g, "image", PPI_F32, ppi_shape4(1, 5, 7, 4));
    return b;
}

static void test_shapes_of_small_network_ops(void **state) {
    (void)state;
    bad_inputs b = new_inputs();
    const ppi_value filter = ppi_input(b.g, "filter", PPI_F32, ppi_shape4(4, 4, 4, 6));
    assert_shape(b.g, ppi_conv2d_same(b.g, b.image, filter, PPI_NONE, 2, PPI_ACT_NONE), ppi_shape4(1, 3, 4, 6));
    assert_shape(b.g, ppi_max_pool2d(b.g, b.image, 3, 2, true), ppi_shape4(1, 3, 4, 4));
    assert_shape(b.g, ppi_max_pool2d(b.g, b.image, 3, 2, false), ppi_shape4(1, 2, 3, 4));
    assert_shape(b.g, ppi_log_softmax(b.g, b.x), ppi_shape2(2, 3));
    const ppi_value rows = ppi_input(b.g, "rows", PPI_F32, ppi_shape3(2, 5, 7));
    const ppi_value row = ppi_input(b.g, "row", PPI_I32, ppi_shape1(2));
    assert_shape(b.g, ppi_pick(b.g, b.x, row), ppi_shape1(2));
    assert_shape(b.g, ppi_pick(b.g, rows, row), ppi_shape2(2, 7));
    assert_shape(b.g, ppi_one_hot(b.g, b.ids, 3, (const int32_t[]){2, 4, 5}), ppi_shape2(2, 11));
    assert_shape(b.g, ppi_one_hot(b.g, b.ids, 1, (const int32_t[]){9}), ppi_shape2(2, 27));
    const ppi_value gates = ppi_input(b.g, "gates", PPI_F32, ppi_shape3(2, 3, 20));
    const ppi_value w = ppi_input(b.g, "w", PPI_F32, ppi_shape2(5, 20));
    const ppi_value h0 = ppi_input(b.g, "h0", PPI_F32, ppi_shape2(2, 5));
    ppi_value cells = PPI_NONE;
    assert_shape(b.g, ppi_lstm(b.g, gates, w, h0, h0, b.ids, &cells), ppi_shape3(2, 3, 5));
    assert_shape(b.g, cells, ppi_shape3(2, 3, 5));
    assert_int_equal(ppi_graph_status(b.g), PP_OK);
    ppi_graph_destroy(b.g);
}

static void test_failure_texts_of_small_network_ops(void **state) {
    (void)state;
    bad_inputs b = new_inputs();
    (void)ppi_max_pool2d(b.g, b.image, 16, 1, true);
    assert_failed(b.g, PP_ERR_ARGUMENT, "kernel 16 (1 to 15)");
    b = new_inputs();
    (void)ppi_max_pool2d(b.g, b.image, 6, 1, false);
    assert_failed(b.g, PP_ERR_SHAPE, "at least as large as the window");
    b = new_inputs();
    (void)ppi_pick(b.g, b.x, b.ids);
    assert_failed(b.g, PP_ERR_SHAPE, "i32 ids [N]");
    b = new_inputs();
    (void)ppi_one_hot(b.g, b.x, 1, (const int32_t[]){3});
    assert_failed(b.g, PP_ERR_SHAPE, "u8 or i32");
    b = new_inputs();
    (void)ppi_one_hot(b.g, b.ids, 2, (const int32_t[]){3, 3});
    assert_failed(b.g, PP_ERR_SHAPE, "1 to 8 components");
    b = new_inputs();
    (void)ppi_one_hot(b.g, b.ids, 1, (const int32_t[]){0});
    assert_failed(b.g, PP_ERR_ARGUMENT, "component 0 has 0 values");
    b = new_inputs();
    (void)ppi_lstm(b.g, b.x, b.x, b.x, b.x, b.ids, NULL);
    assert_failed(b.g, PP_ERR_SHAPE, "gates [B,T,4H]");
    b = new_inputs();
    (void)ppi_linear(b.g, b.x, ppi_input(b.g, "w", PPI_F32, ppi_shape2(3, 2)), PPI_NONE, PPI_ACT_HUBER);
    assert_failed(b.g, PP_ERR_ARGUMENT, "huber");
    b = new_inputs();
    const ppi_value gates = ppi_input(b.g, "gates", PPI_F32, ppi_shape3(2, 3, 20));
    const ppi_value w = ppi_input(b.g, "w", PPI_F32, ppi_shape2(5, 20));
    const ppi_value h0 = ppi_input(b.g, "h0", PPI_F32, ppi_shape2(2, 5));
    ppi_value cells = PPI_NONE;
    (void)ppi_lstm(b.g, gates, w, h0, h0, b.ids, &cells);
    assert_int_equal(ppi_graph_backward(b.g, ppi_sum(b.g, cells), &h0, 1, &cells), PP_ERR_UNSUPPORTED);
    assert_failed(b.g, PP_ERR_UNSUPPORTED, "no gradient through output 1 of lstm");
}

static void test_names(void **state) {
    (void)state;
    ppi_graph *g = new_graph(NULL);
    const ppi_value x = ppi_input(g, "x", PPI_F32, ppi_shape1(3));
    const ppi_value y = ppi_output(g, "y", ppi_scale(g, x, 2.0f));
    assert_int_equal(ppi_graph_find(g, "x"), x);
    assert_int_equal(ppi_graph_find(g, "y"), y);
    assert_int_equal(ppi_graph_find(g, "z"), PPI_NONE);
    ppi_graph_destroy(g);
}

static void test_parameters_are_shared(void **state) {
    (void)state;
    ppi_params *p = NULL;
    assert_int_equal(ppi_params_create(&p), PP_OK);
    ppi_graph *g = new_graph(p);
    const ppi_value w = ppi_parameter(g, "w", ppi_shape2(3, 3), ZERO);
    assert_int_equal(ppi_parameter(g, "w", ppi_shape2(3, 3), ZERO), w);
    (void)ppi_parameter(g, "w", ppi_shape1(9), ZERO);
    assert_failed(g, PP_ERR_SHAPE, "parameter \"w\" has shape [3,3]");
    ppi_params_destroy(p);
}

static void test_backward_skips_what_is_not_needed(void **state) {
    (void)state;
    ppi_params *p = NULL;
    assert_int_equal(ppi_params_create(&p), PP_OK);
    ppi_graph *g = new_graph(p);
    const ppi_value x = ppi_input(g, "x", PPI_F32, ppi_shape2(2, 3));
    const ppi_value w = ppi_parameter(g, "w", ppi_shape2(3, 4), ZERO);
    (void)ppi_parameter(g, "unused", ppi_shape1(2), ZERO);
    const ppi_value loss = ppi_sum(g, ppi_linear(g, x, w, PPI_NONE, PPI_ACT_NONE));
    assert_int_equal(ppi_graph_backward(g, loss, NULL, 0, NULL), PP_OK);
    int matmuls = 0;
    int grads = 0;
    for (int i = 0; i < ppi_graph_node_count(g); i++) matmuls += ppi_graph_node(g, i)->op == PPI_OP_MATMUL;
    for (int v = 0; v < ppi_graph_value_count(g); v++) grads += (ppi_graph_value(g, v)->roles & PPI_VALUE_PARAM_GRAD) != 0;
    assert_int_equal(matmuls, 1); /* dw, and no gradient of the input */
    assert_int_equal(grads, 1);
    ppi_graph_destroy(g);
    ppi_params_destroy(p);
}

static void test_op_table(void **state) {
    (void)state;
    for (int op = 0; op < PPI_OP_COUNT; op++) {
        const ppi_op_info *info = ppi_op_get((ppi_op)op);
        assert_non_null(info);
        assert_true(info->min_in <= info->max_in && info->max_in <= PPI_MAX_INPUTS && info->n_out <= PPI_MAX_OUTPUTS);
        const ppi_backend *be = ppi_cpu_reference_backend();
        assert_non_null(be->kernels(be, (ppi_op)op)[0]);
    }
    assert_null(ppi_op_get(PPI_OP_COUNT));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_first_failure_sticks),
        cmocka_unit_test(test_failure_texts),
        cmocka_unit_test(test_shapes_of_small_network_ops),
        cmocka_unit_test(test_failure_texts_of_small_network_ops),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_parameters_are_shared),
        cmocka_unit_test(test_backward_skips_what_is_not_needed),
        cmocka_unit_test(test_op_table),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
