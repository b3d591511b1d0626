/* Tasks of a node: each worker runs one at a time, in order, as an event after a random delay, and
 * tells the node by another. So a crash may fall before, between and after. */
#include "core/base/assert.h"
#include "runtime/sim/host.h"

static void start(struct de_host *host, struct de_node_task *task)
{
    de_host_post(host, de_host_delay(host, host->shared->cpu_latency_ns), DE_HOST_TASK_RUN,
                 task->worker, task);
}

void de_host_run_task(void *context, struct de_node_task *task)
{
    struct de_host *host = context;
    struct de_host_tasks *tasks = &host->tasks[task->worker];

    DE_ASSERT(task->worker < DE_WORKERS);
    task->next = NULL;
    if (tasks->tail != NULL) {
        tasks->tail->next = task;
    } else {
        tasks->head = task;
        start(host, task);
    }
    tasks->tail = task;
}

static void run_task(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);
    struct de_node_task *task = event->data;
    uint64_t mean_ns;

    if (host == NULL) {
        return;
    }
    DE_ASSERT(host->tasks[task->worker].head == task);
    if (host->trap == DE_TRAP_IN_TASK && task->worker != DE_WORKER_APPLIER) {
        de_disk_die_in(&host->disk, de_host_chance(host, 8));
        host->trap_sprung = true;
    }
    de_node_task_run(task);
    if (host->trap_sprung) {
        de_host_stepped(host);
        return;
    }
    mean_ns = task->worker == DE_WORKER_APPLIER
                  ? host->shared->cpu_latency_ns
                  : host->shared->disk_latency_ns * host->disk_slowness;
    de_host_post(host, de_host_delay(host, mean_ns), DE_HOST_TASK_DONE, task->worker, task);
}

static void run_task_done(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);
    struct de_node_task *task = event->data;
    struct de_host_tasks *tasks;

    if (host == NULL) {
        return;
    }
    tasks = &host->tasks[task->worker];
    DE_ASSERT(tasks->head == task);
    tasks->head = task->next;
    if (tasks->head == NULL) {
        tasks->tail = NULL;
    } else {
        start(host, tasks->head);
    }
    de_node_task_done(host->node, task, de_host_clock(host));
    de_host_stepped(host);
}

void de_host_register_tasks(struct de_kernel *kernel, struct de_host *hosts)
{
    const struct de_kernel_handler run = {"task", hosts, run_task, NULL};
    const struct de_kernel_handler done = {"task-done", hosts, run_task_done, NULL};

    de_kernel_set_handler(kernel, DE_HOST_TASK_RUN, &run);
    de_kernel_set_handler(kernel, DE_HOST_TASK_DONE, &done);
}
