/* Finding what a run goes on from. */
#include "run/resume.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "run/runlog.h"

static pp_status take_checkpoint(ppi_resume *r, const ppi_method *method, ppi_options *set) {
    const ppi_checkpoint *ck = &r->ck;
    char own[PPI_PATH_SIZE];
    if (r->run_dir[0] == '\0') ppi_checkpoint_run_dir(r->run_dir, ck->folder);
    if (r->run_dir[0] == '\0') {
        return ppi_fail(PP_ERR_ARGUMENT, "the checkpoint '%s' is in no run folder; say --out",
                        ck->folder);
    }
    if (ck->method != method) {
        return ppi_fail(PP_ERR_ARGUMENT, "'%s' is a run of method %s, not %s", ck->folder,
                        ck->method->name, method->name);
    }
    PPI_TRY(ppi_path_join(own, sizeof own, r->run_dir, "checkpoints", ppi_path_base(ck->folder)));
    r->same_run = ppi_dir_exists(own);
    return ppi_checkpoint_all_options(ck, set);
}

pp_status ppi_resume_find(ppi_resume *r, const char *out, const char *resume,
                          const ppi_method *method, ppi_options *set) {
    const bool automatic = strcmp(resume, "auto") == 0;
    memset(r, 0, sizeof *r);
    snprintf(r->run_dir, sizeof r->run_dir, "%s", out);
    if (resume[0] == '\0') {
        if (!ppi_run_dir_used(r->run_dir)) return PP_OK;
        return ppi_fail(
            PP_ERR_EXISTS,
            "the run folder '%s' is not empty; go on with --resume auto, or choose another --out",
            r->run_dir);
    }
    if (automatic && r->run_dir[0] == '\0') {
        return ppi_fail(PP_ERR_ARGUMENT, "--resume auto needs --out, the run folder to go on with");
    }
    const char *from = automatic ? r->run_dir : resume;
    const pp_status s = automatic && !ppi_dir_exists(from)
                            ? PP_ERR_NOT_FOUND
                            : ppi_checkpoint_open(&r->ck, from, false);
    if (automatic && s == PP_ERR_NOT_FOUND) {
        ppi_log(PPI_LOG_INFO, "no checkpoint in %s, starting at step 0", r->run_dir);
        return PP_OK;
    }
    PPI_TRY(s);
    r->resumed = true;
    return take_checkpoint(r, method, set);
}
