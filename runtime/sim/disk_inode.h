/* runtime/sim/disk_inode.h - the content of one simulated file: what a process sees, what is on the
 * medium, and the writes in between. Part of disk.h, used by nobody else. */
#ifndef DE_RUNTIME_SIM_DISK_INODE_H
#define DE_RUNTIME_SIM_DISK_INODE_H

#include "runtime/sim/disk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A write or a change of size that is not synced yet. */
struct de_disk_op {
    bool resize; /* the file got size_after bytes; no data */
    uint64_t offset;
    size_t size;
    uint64_t size_after;
    size_t data; /* where its bytes are in those of the inode's operations */
};

/* Missing pages are zeros. */
struct de_disk_content {
    uint8_t **pages;
    size_t page_count;
    size_t page_capacity;
    uint64_t size_bytes;
};

struct de_disk_name {
    char text[DE_DISK_NAME_MAX + 1];
    struct de_disk_inode *inode;
};

struct de_disk_inode {
    struct de_disk_inode *next;
    uint64_t written_at; /* by the disk's clock */
    bool forgot;         /* a sync has failed: now may differ from durable without an op */
    struct de_disk_content now;
    struct de_disk_content durable;
    struct de_disk_op *ops;
    size_t op_count;
    size_t op_capacity;
    uint8_t *op_bytes; /* one buffer for all of them: a file is written and synced all the time */
    size_t op_bytes_count;
    size_t op_bytes_capacity;
};

struct de_disk_inode *de_disk_inode_new(void);
void de_disk_inode_free(struct de_disk_inode *inode);

/* Reads exactly size bytes; false when the file is shorter. */
bool de_disk_inode_read(const struct de_disk_inode *inode, uint64_t offset, void *data,
                        size_t size);
void de_disk_inode_write(struct de_disk_inode *inode, uint64_t offset, const void *data,
                         size_t size);
void de_disk_inode_resize(struct de_disk_inode *inode, uint64_t size_bytes);
void de_disk_inode_sync(struct de_disk_inode *inode);
/* A sync that fails: what was not synced is never going to be. */
void de_disk_inode_forget(struct de_disk_inode *inode);
/* Turns bits of one durable sector that is not all zeros; false when there is none. */
bool de_disk_inode_rot(struct de_disk_inode *inode, uint64_t draw);
/* Turns one bit of any durable byte; false when there is none. */
bool de_disk_inode_turn(struct de_disk_inode *inode, uint64_t draw);
/* Loses what the cut loses; afterwards now and durable are equal. */
void de_disk_inode_cut(struct de_disk_inode *inode, enum de_disk_cut cut, struct de_dice *dice);
uint64_t de_disk_inode_digest(const struct de_disk_inode *inode);

#ifdef __cplusplus
}
#endif

#endif
