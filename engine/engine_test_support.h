/* engine/engine_test_support.h - what the tests of the engine share: scratch directories, free
 * ports, clusters in one process. */
#ifndef DE_ENGINE_ENGINE_TEST_SUPPORT_H
#define DE_ENGINE_ENGINE_TEST_SUPPORT_H

#include <dengine/dengine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Removes path with all that is in it, if it is there. */
void de_test_remove_tree(const char *path);

/* Puts count different ports that were free a moment ago, on 127.0.0.1, into ports. They are bound
 * together before any is let go, so they differ. */
void de_test_free_ports(uint16_t *ports, uint32_t count);

/* A configuration of node id of a cluster at the given ports (node 1 at ports[0], and so on), with
 * short time-outs, data in directory. The caller frees it. */
struct dengine_config *de_test_cluster_config(uint32_t id, const uint16_t *ports, uint32_t count,
                                              const char *directory);

/* Opens; prints the message when it fails. */
struct dengine *de_test_open(const struct dengine_config *config);

/* A cluster of one in a directory that is made anew, ready; and its end, with the directory. */
struct dengine *de_test_open_new(const char *directory);
void de_test_close_and_remove(struct dengine *engine, const char *directory);

#ifdef __cplusplus
}
#endif

#endif
