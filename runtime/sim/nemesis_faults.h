/* runtime/sim/nemesis_faults.h - the functions behind the table of nemesis.c, named after the kinds
 * of schedule.h. Part of nemesis.h, used by nobody else. */
#ifndef DE_RUNTIME_SIM_NEMESIS_FAULTS_H
#define DE_RUNTIME_SIM_NEMESIS_FAULTS_H

#include "runtime/sim/nemesis_internal.h"

#ifdef __cplusplus
extern "C" {
#endif

void de_start_isolate(struct de_nemesis_work *work);
void de_end_isolate(struct de_nemesis_work *work);
void de_start_deaf(struct de_nemesis_work *work);
void de_end_deaf(struct de_nemesis_work *work);
void de_start_mute(struct de_nemesis_work *work);
void de_end_mute(struct de_nemesis_work *work);
void de_start_split(struct de_nemesis_work *work);
void de_end_split(struct de_nemesis_work *work);
void de_start_one_way(struct de_nemesis_work *work);
void de_end_one_way(struct de_nemesis_work *work);
void de_start_bridge(struct de_nemesis_work *work);
void de_end_bridge(struct de_nemesis_work *work);
void de_start_ring(struct de_nemesis_work *work);
void de_end_ring(struct de_nemesis_work *work);
void de_start_flap(struct de_nemesis_work *work);
void de_step_flap(struct de_nemesis_work *work);
void de_end_flap(struct de_nemesis_work *work);
void de_start_link(struct de_nemesis_work *work);
void de_end_link(struct de_nemesis_work *work);
void de_start_replies(struct de_nemesis_work *work);
void de_end_replies(struct de_nemesis_work *work);
void de_start_trouble(struct de_nemesis_work *work);
void de_end_trouble(struct de_nemesis_work *work);
void de_start_clog(struct de_nemesis_work *work);
void de_start_swizzle(struct de_nemesis_work *work);
void de_step_swizzle(struct de_nemesis_work *work);
void de_start_bandwidth(struct de_nemesis_work *work);
void de_end_bandwidth(struct de_nemesis_work *work);
void de_start_reset(struct de_nemesis_work *work);
void de_start_half_open(struct de_nemesis_work *work);
void de_end_half_open(struct de_nemesis_work *work);
void de_start_crash(struct de_nemesis_work *work);
void de_start_trap(struct de_nemesis_work *work);
void de_start_blackout(struct de_nemesis_work *work);
void de_start_crash_loop(struct de_nemesis_work *work);
void de_step_crash_loop(struct de_nemesis_work *work);
void de_start_pause(struct de_nemesis_work *work);
void de_start_suspend(struct de_nemesis_work *work);
void de_end_clock(struct de_nemesis_work *work);
void de_start_slow_node(struct de_nemesis_work *work);
void de_end_slow_node(struct de_nemesis_work *work);
void de_start_slow_disk(struct de_nemesis_work *work);
void de_end_slow_disk(struct de_nemesis_work *work);
void de_start_stall(struct de_nemesis_work *work);
void de_start_sync_error(struct de_nemesis_work *work);
void de_start_write_error(struct de_nemesis_work *work);
void de_start_read_error(struct de_nemesis_work *work);
void de_start_store_error(struct de_nemesis_work *work);
void de_start_no_space(struct de_nemesis_work *work);
void de_end_no_space(struct de_nemesis_work *work);
void de_start_rot(struct de_nemesis_work *work);
void de_start_disk_loss(struct de_nemesis_work *work);
void de_start_snapshot_loss(struct de_nemesis_work *work);
void de_start_starve(struct de_nemesis_work *work);
void de_start_snapshot_rot(struct de_nemesis_work *work);
void de_start_drift(struct de_nemesis_work *work);
void de_start_step(struct de_nemesis_work *work);
void de_start_stop(struct de_nemesis_work *work);
void de_start_churn(struct de_nemesis_work *work);
void de_end_churn(struct de_nemesis_work *work);
void de_start_stale(struct de_nemesis_work *work);
void de_step_stale(struct de_nemesis_work *work);
void de_end_stale(struct de_nemesis_work *work);

#ifdef __cplusplus
}
#endif

#endif
