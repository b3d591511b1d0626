/* Telling a log store that had lost the end of its log that the replica has it again (core/raft/
 * recovery.c): until then the store reports nothing early, and says the same at the next start. */
#include "core/base/assert.h"
#include "core/node/node_state.h"

static void run_whole(struct de_node_task *task)
{
    struct de_log_whole *whole = DE_CONTAINER_OF(task, struct de_log_whole, task);

    DE_ASSERT(whole->log.ops->whole != NULL);
    DE_ASSERT(whole->status == 0);
    whole->status = whole->log.ops->whole(whole->log.object);
}

static void whole_done(struct de_node *node, struct de_node_task *task, uint64_t now_ns)
{
    struct de_log_whole *whole = DE_CONTAINER_OF(task, struct de_log_whole, task);

    (void)now_ns;
    DE_ASSERT(whole == &node->whole);
    DE_ASSERT(!whole->wanted);
    if (whole->status != 0) {
        de_node_halt(node, whole->status, "the log store could not take note of the recovery",
                     dengine_strerror(whole->status));
    }
}

void de_node_whole_turn(struct de_node *node)
{
    struct de_log_whole *whole = &node->whole;

    DE_ASSERT(node->inside);
    DE_ASSERT(de_node_running(node));
    if (whole->wanted && !node->view.recovering) {
        whole->wanted = false;
        whole->log = node->log;
        whole->task.run = run_whole;
        whole->task.done = whole_done;
        de_node_run_task(node, &whole->task, DE_WORKER_LOG);
    }
}
