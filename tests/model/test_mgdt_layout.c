/* Layout of the Multi-Game Decision Transformer: parameter totals and names, mask, encoders,
 * errors. */
#include "model/mgdt_golden.h"

static void totals(void **state) {
    (void)state;
    static const struct {
        const char *size;
        int64_t total;
    } rows[] = {{"tiny", 143310},
                {"small", 681358},
                {"10m", 12955278},
                {"40m", 43045774},
                {"200m", 197638542}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ppi_mgdt_config c;
        CHECK_OK(ppi_mgdt_config_size(&c, rows[i].size));
        ppi_params *p = golden_register(&c);
        assert_int_equal(p->n_real, rows[i].total);
        assert_null(p->master);
        ppi_params_destroy(p);
    }
}

/* Name and shape of one parameter of the 10m model. */
static void has(const ppi_params *p, const char *name, int ndim, const int64_t *dim) {
    const int i = ppi_params_find(p, name);
    if (i < 0) fail_msg("no parameter %s", name);
    assert_int_equal(p->item[i].shape.ndim, ndim);
    for (int k = 0; k < ndim; k++) assert_int_equal(p->item[i].shape.dim[k], dim[k]);
}

static void names(void **state) {
    (void)state;
    ppi_mgdt_config c;
    CHECK_OK(ppi_mgdt_config_size(&c, "10m"));
    ppi_params *p = golden_register(&c);
    has(p, "decision_transformer/~_embed_inputs/image_emb/w", 4, (const int64_t[]){14, 14, 1, 512});
    has(p, "decision_transformer/image_pos_enc", 4, (const int64_t[]){1, 1, 36, 512});
    has(p, "decision_transformer/positional_embeddings", 2, (const int64_t[]){156, 512});
    has(p, "decision_transformer/~_embed_inputs/embed/embeddings", 2, (const int64_t[]){120, 512});
    has(p, "decision_transformer/~_embed_inputs/embed_1/embeddings", 2, (const int64_t[]){18, 512});
    has(p, "decision_transformer/~_embed_inputs/embed_2/embeddings", 2, (const int64_t[]){4, 512});
    has(p, "decision_transformer/~/sequence/h3_attn/query/w", 2, (const int64_t[]){512, 512});
    has(p, "decision_transformer/~/sequence/h3_attn/linear/b", 1, (const int64_t[]){512});
    has(p, "decision_transformer/~/sequence/h0_ln_1/scale", 1, (const int64_t[]){512});
    has(p, "decision_transformer/~/sequence/h0_mlp/linear/w", 2, (const int64_t[]){512, 2048});
    has(p, "decision_transformer/~/sequence/h0_mlp/linear_1/w", 2, (const int64_t[]){2048, 512});
    has(p, "decision_transformer/~/sequence/ln_f/offset", 1, (const int64_t[]){512});
    has(p, "decision_transformer/ret_linear/w", 2, (const int64_t[]){512, 120});
    has(p, "decision_transformer/act_linear/b", 1, (const int64_t[]){18});
    has(p, "decision_transformer/rew_linear/w", 2, (const int64_t[]){512, 4});
    ppi_params_destroy(p);
}

static int64_t visible(const ppi_mask *m, int64_t q, int64_t n) {
    int64_t sum = 0;
    for (int64_t k = 0; k < n; k++) sum += ppi_mask_allows(m, q, k);
    return sum;
}

static void mask_rows(void **state) {
    (void)state;
    static const int64_t single[4][4] = {
        {36, 37, 38, 39}, {75, 75, 76, 77}, {113, 113, 114, 115}, {151, 151, 152, 153}};
    ppi_mgdt_config c;
    CHECK_OK(ppi_mgdt_config_size(&c, "tiny"));
    for (int pass = 0; pass < 2; pass++) {
        c.single_return = pass == 0;
        const ppi_mask m = ppi_mgdt_mask(&c, 0);
        for (int64_t t = 0; t < 4; t++) {
            for (int64_t slot = 0; slot < 39; slot++) {
                const int64_t column = slot < 36 ? 0 : slot - 35;
                const int64_t want = pass == 0 ? single[t][column] : 39 * t + 36 + column;
                assert_int_equal(visible(&m, 39 * t + slot, 156), want);
            }
        }
    }
    /* A mask that starts later is the same rows. */
    c.single_return = true;
    const ppi_mask whole = ppi_mgdt_mask(&c, 0), late = ppi_mgdt_mask(&c, 36);
    for (int64_t q = 36; q < 154; q++) {
        for (int64_t k = 0; k < 154; k++)
            assert_int_equal(ppi_mask_allows(&whole, q, k), ppi_mask_allows(&late, q - 36, k));
    }
}

static void encoders(void **state) {
    (void)state;
    static const struct {
        double r;
        int32_t token;
    } rows[] = {{-20, 0},  {0, 20},    {99, 119}, {100, 120}, {-25, 0},
                {2.9, 22}, {-0.5, 20}, {-1, 19},  {1e9, 120}, {-1e9, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ppi_mgdt_return_token(rows[i].r), rows[i].token);
    assert_int_equal(ppi_mgdt_return_token((double)NAN), 0);
    assert_int_equal(ppi_mgdt_reward_token(0.25), 1);
    assert_int_equal(ppi_mgdt_reward_token(-3), 3);
    assert_int_equal(ppi_mgdt_reward_token(0), 0);
}

static void clone_layout(void **state) {
    (void)state;
    ppi_mgdt_config c;
    CHECK_OK(ppi_mgdt_config_size(&c, "tiny"));
    c.conditioned = false;
    assert_int_equal(ppi_mgdt_slots(&c), 38);
    assert_int_equal(ppi_mgdt_tokens(&c), 152);
    const ppi_mask m = ppi_mgdt_mask(&c, 0);
    assert_int_equal(visible(&m, 38 * 3 + 35, 152), 150);
    ppi_params *p = golden_register(&c);
    assert_int_equal(ppi_params_find(p, "decision_transformer/ret_linear/w"), -1);
    assert_int_equal(ppi_params_find(p, "decision_transformer/~_embed_inputs/embed/embeddings"),
                     -1);
    ppi_params_destroy(p);
}

static void planes_layout(void **state) {
    (void)state;
    const ppi_mgdt_config c = golden_config("mgdt_planes");
    assert_int_equal(ppi_mgdt_patches(&c), 4);
    assert_int_equal(ppi_mgdt_tokens(&c), 28);
}

static void refused(ppi_mgdt_config c, pp_status want, const char *text) {
    assert_int_equal(ppi_mgdt_config_check(&c), want);
    assert_non_null(strstr(pp_last_error(), text));
}

static void errors(void **state) {
    (void)state;
    ppi_mgdt_config c;
    assert_int_equal(ppi_mgdt_config_size(&c, "huge"), PP_ERR_NOT_FOUND);
    assert_non_null(strstr(pp_last_error(), "\"huge\""));
    CHECK_OK(ppi_mgdt_config_size(&c, "tiny"));
    ppi_mgdt_config d = c;
    d.width = 100;
    refused(d, PP_ERR_ARGUMENT, "100 wide");
    d = c;
    d.patch = 15;
    refused(d, PP_ERR_SHAPE, "patches of side 15");
    d = c;
    d.layers = 0;
    refused(d, PP_ERR_ARGUMENT, "0 layers");
    d = c;
    d.return_bins = 119;
    refused(d, PP_ERR_ARGUMENT, "119 return bins");

    /* The acting graphs refuse the wrong kind of network. */
    ppi_params *p = NULL;
    ppi_graph *g = NULL;
    CHECK_OK(ppi_params_create(&p));
    CHECK_OK(ppi_graph_create(&g, p));
    d = c;
    d.single_return = false;
    assert_int_equal(ppi_mgdt_build_prefill(g, &d, 1), PP_ERR_UNSUPPORTED);
    assert_int_equal(ppi_mgdt_build_clone_act(g, &c, 1), PP_ERR_UNSUPPORTED);
    ppi_graph_destroy(g);
    ppi_params_destroy(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals),   cmocka_unit_test(names),        cmocka_unit_test(mask_rows),
        cmocka_unit_test(encoders), cmocka_unit_test(clone_layout), cmocka_unit_test(planes_layout),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
