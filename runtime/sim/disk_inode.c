#include "runtime/sim/disk_inode.h"

#include "core/base/assert.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/trace.h"

struct de_disk_inode *de_disk_inode_new(void)
{
    return de_sim_allocate_zeroed(sizeof(struct de_disk_inode));
}

static void content_deinit(struct de_disk_content *content)
{
    for (size_t i = 0; i < content->page_count; i++) {
        de_sim_free(content->pages[i]);
    }
    de_sim_free(content->pages);
    memset(content, 0, sizeof(*content));
}

static void ops_clear(struct de_disk_inode *inode)
{
    inode->op_count = 0;
    inode->op_bytes_count = 0;
}

static const uint8_t *op_data(const struct de_disk_inode *inode, const struct de_disk_op *op)
{
    DE_ASSERT(!op->resize && op->size <= inode->op_bytes_count - op->data);
    return inode->op_bytes + op->data;
}

void de_disk_inode_free(struct de_disk_inode *inode)
{
    content_deinit(&inode->now);
    content_deinit(&inode->durable);
    de_sim_free(inode->ops);
    de_sim_free(inode->op_bytes);
    de_sim_free(inode);
}

/* The page of this number; whole: all of it will be overwritten now. */
static uint8_t *content_page(struct de_disk_content *content, uint64_t number, bool whole)
{
    while (content->page_count <= number) {
        content->pages = de_sim_grow(content->pages, content->page_count, &content->page_capacity,
                                     sizeof(content->pages[0]));
        content->pages[content->page_count++] = NULL;
    }
    if (content->pages[number] == NULL) {
        content->pages[number] = whole ? de_sim_allocate(DE_DISK_PAGE_BYTES)
                                       : de_sim_allocate_zeroed(DE_DISK_PAGE_BYTES);
    }
    return content->pages[number];
}

/* How much of [offset, offset + size) lies before the next multiple of unit. */
static size_t piece_size(uint64_t offset, size_t size, size_t unit)
{
    size_t room = unit - (size_t)(offset % unit);

    return size < room ? size : room;
}

static void content_write(struct de_disk_content *content, uint64_t offset, const uint8_t *data,
                          size_t size)
{
    if (offset + size > content->size_bytes) {
        content->size_bytes = offset + size;
    }
    while (size > 0) {
        size_t piece = piece_size(offset, size, DE_DISK_PAGE_BYTES);
        uint8_t *page =
            content_page(content, offset / DE_DISK_PAGE_BYTES, piece == DE_DISK_PAGE_BYTES);

        memcpy(page + offset % DE_DISK_PAGE_BYTES, data, piece);
        offset += piece;
        data += piece;
        size -= piece;
    }
}

static void content_resize(struct de_disk_content *content, uint64_t size_bytes)
{
    uint64_t whole = (size_bytes + DE_DISK_PAGE_BYTES - 1) / DE_DISK_PAGE_BYTES;
    size_t tail = (size_t)(size_bytes % DE_DISK_PAGE_BYTES);

    if (size_bytes < content->size_bytes) {
        /* What is cut off reads as zeros should the file grow again. */
        while (content->page_count > whole) {
            de_sim_free(content->pages[--content->page_count]);
        }
        if (tail != 0 && content->page_count == whole && content->pages[whole - 1] != NULL) {
            memset(content->pages[whole - 1] + tail, 0, DE_DISK_PAGE_BYTES - tail);
        }
    }
    content->size_bytes = size_bytes;
}

static void content_copy(struct de_disk_content *to, const struct de_disk_content *from)
{
    content_deinit(to);
    to->size_bytes = from->size_bytes;
    for (size_t i = 0; i < from->page_count; i++) {
        if (from->pages[i] != NULL) {
            memcpy(content_page(to, i, true), from->pages[i], DE_DISK_PAGE_BYTES);
        }
    }
}

bool de_disk_inode_read(const struct de_disk_inode *inode, uint64_t offset, void *data, size_t size)
{
    const struct de_disk_content *content = &inode->now;
    uint8_t *to = data;

    if (offset > content->size_bytes || size > content->size_bytes - offset) {
        return false;
    }
    while (size > 0) {
        size_t piece = piece_size(offset, size, DE_DISK_PAGE_BYTES);
        uint64_t number = offset / DE_DISK_PAGE_BYTES;

        if (number < content->page_count && content->pages[number] != NULL) {
            memcpy(to, content->pages[number] + offset % DE_DISK_PAGE_BYTES, piece);
        } else {
            memset(to, 0, piece);
        }
        offset += piece;
        to += piece;
        size -= piece;
    }
    return true;
}

static struct de_disk_op *ops_add(struct de_disk_inode *inode)
{
    struct de_disk_op *op;

    inode->ops =
        de_sim_grow(inode->ops, inode->op_count, &inode->op_capacity, sizeof(inode->ops[0]));
    op = &inode->ops[inode->op_count++];
    memset(op, 0, sizeof(*op));
    return op;
}

void de_disk_inode_write(struct de_disk_inode *inode, uint64_t offset, const void *data,
                         size_t size)
{
    struct de_disk_op *op;

    if (size == 0) {
        return;
    }
    op = ops_add(inode);
    op->offset = offset;
    op->size = size;
    op->data = inode->op_bytes_count;
    inode->op_bytes_count += size;
    if (inode->op_bytes_count > inode->op_bytes_capacity) {
        inode->op_bytes_capacity = 2 * inode->op_bytes_count;
        inode->op_bytes = de_sim_resize(inode->op_bytes, inode->op_bytes_capacity);
    }
    memcpy(inode->op_bytes + op->data, data, size);
    content_write(&inode->now, offset, data, size);
    op->size_after = inode->now.size_bytes;
}

void de_disk_inode_resize(struct de_disk_inode *inode, uint64_t size_bytes)
{
    struct de_disk_op *op = ops_add(inode);

    op->resize = true;
    op->size_after = size_bytes;
    content_resize(&inode->now, size_bytes);
}

/* Puts an operation on the medium, of a write the first size bytes. */
static void op_replay(struct de_disk_inode *inode, const struct de_disk_op *op, size_t size)
{
    DE_ASSERT(size <= op->size);
    if (op->resize) {
        content_resize(&inode->durable, op->size_after);
    } else if (size > 0) {
        content_write(&inode->durable, op->offset, op_data(inode, op), size);
    }
}

static void write_back(struct de_disk_inode *inode)
{
    for (size_t i = 0; i < inode->op_count; i++) {
        op_replay(inode, &inode->ops[i], inode->ops[i].size);
    }
    ops_clear(inode);
}

void de_disk_inode_sync(struct de_disk_inode *inode)
{
    write_back(inode);
    DE_ASSERT(inode->forgot || inode->durable.size_bytes == inode->now.size_bytes);
}

void de_disk_inode_forget(struct de_disk_inode *inode)
{
    inode->forgot = inode->forgot || inode->op_count > 0;
    ops_clear(inode);
}

static bool sector_in_use(const struct de_disk_content *content, uint64_t sector)
{
    uint64_t page = sector * DE_DISK_SECTOR_BYTES / DE_DISK_PAGE_BYTES;
    const uint8_t *bytes;

    if (page >= content->page_count || content->pages[page] == NULL) {
        return false;
    }
    bytes = content->pages[page] + sector * DE_DISK_SECTOR_BYTES % DE_DISK_PAGE_BYTES;
    for (size_t i = 0; i < DE_DISK_SECTOR_BYTES; i++) {
        if (bytes[i] != 0) {
            return true;
        }
    }
    return false;
}

bool de_disk_inode_rot(struct de_disk_inode *inode, uint64_t draw)
{
    uint64_t sectors = inode->durable.size_bytes / DE_DISK_SECTOR_BYTES;
    struct de_dice dice;
    uint64_t sector;

    de_dice_init(&dice, draw, DE_DICE_DISK, 0);
    sector = sectors == 0 ? 0 : de_dice_below(&dice, sectors);
    for (uint64_t i = 0; i < sectors; i++) {
        uint64_t at = (sector + i) % sectors;
        uint64_t offset = at * DE_DISK_SECTOR_BYTES + de_dice_below(&dice, DE_DISK_SECTOR_BYTES);
        uint8_t byte;

        if (!sector_in_use(&inode->durable, at) || !de_disk_inode_read(inode, offset, &byte, 1)) {
            continue;
        }
        byte ^= (uint8_t)(1u << de_dice_below(&dice, 8));
        content_write(&inode->durable, offset, &byte, 1);
        content_write(&inode->now, offset, &byte, 1);
        return true;
    }
    return false;
}

bool de_disk_inode_turn(struct de_disk_inode *inode, uint64_t draw)
{
    struct de_dice dice;
    uint64_t offset;
    uint8_t byte;

    if (inode->durable.size_bytes == 0) {
        return false;
    }
    de_dice_init(&dice, draw, DE_DICE_DISK, 1);
    offset = de_dice_below(&dice, inode->durable.size_bytes);
    if (!de_disk_inode_read(inode, offset, &byte, 1)) {
        return false;
    }
    byte ^= (uint8_t)(1u << de_dice_below(&dice, 8));
    content_write(&inode->durable, offset, &byte, 1);
    content_write(&inode->now, offset, &byte, 1);
    return true;
}

static void cut_prefix(struct de_disk_inode *inode, struct de_dice *dice)
{
    size_t kept = (size_t)de_dice_below(dice, inode->op_count + 1);

    for (size_t i = 0; i < kept; i++) {
        op_replay(inode, &inode->ops[i], inode->ops[i].size);
    }
    if (kept < inode->op_count && !inode->ops[kept].resize) {
        size_t sectors = inode->ops[kept].size / DE_DISK_SECTOR_BYTES + 1;
        size_t torn = (size_t)de_dice_below(dice, sectors) * DE_DISK_SECTOR_BYTES;

        /* Where a sector begins on the medium, not in the buffer. */
        torn -= torn > 0 ? (size_t)(inode->ops[kept].offset % DE_DISK_SECTOR_BYTES) : 0;
        op_replay(inode, &inode->ops[kept], torn);
    }
}

/* Each aligned unit that was written since the last sync goes to the medium as a whole or not at
 * all, whatever the order of the writes was: the fate is drawn per unit, so two writes to one unit
 * share it. A shorter size is metadata with a fate of its own. */
static void cut_subset(struct de_disk_inode *inode, size_t unit, struct de_dice *dice)
{
    uint64_t fate = de_dice_next(dice);

    for (size_t i = 0; i < inode->op_count; i++) {
        const struct de_disk_op *op = &inode->ops[i];
        uint64_t offset = op->offset;
        const uint8_t *data = op->resize ? NULL : op_data(inode, op);
        size_t left = op->size;

        if (op->resize && (de_dice_draw(fate, DE_DICE_DISK, i, 1) & 1) != 0) {
            op_replay(inode, op, 0);
        }
        while (left > 0) {
            size_t piece = piece_size(offset, left, unit);

            if ((de_dice_draw(fate, DE_DICE_DISK, offset / unit, 0) & 1) != 0) {
                content_write(&inode->durable, offset, data, piece);
            }
            offset += piece;
            data += piece;
            left -= piece;
        }
    }
}

/* What nobody can promise: of each sector written since the last sync the old bytes, the new ones,
 * garbage in their place, or new up to somewhere and old behind. */
static void cut_garbage(struct de_disk_inode *inode, struct de_dice *dice)
{
    uint64_t fate = de_dice_next(dice);

    for (size_t i = 0; i < inode->op_count; i++) {
        const struct de_disk_op *op = &inode->ops[i];
        size_t done = 0;

        if (op->resize && (de_dice_draw(fate, DE_DICE_DISK, i, 1) & 1) != 0) {
            op_replay(inode, op, 0);
        }
        while (done < op->size) {
            uint64_t offset = op->offset + done;
            size_t piece = piece_size(offset, op->size - done, DE_DISK_SECTOR_BYTES);
            uint64_t sector = de_dice_draw(fate, DE_DICE_DISK, offset / DE_DISK_SECTOR_BYTES, 0);
            uint8_t bytes[DE_DISK_SECTOR_BYTES];

            memcpy(bytes, op_data(inode, op) + done, piece);
            done += piece;
            if (sector % 4 == 0) {
                continue;
            }
            if (sector % 4 == 1) {
                for (size_t at = 0; at < piece; at++) {
                    bytes[at] = (uint8_t)de_dice_draw(fate, DE_DICE_DISK, offset + at, 2);
                }
            } else if (sector % 4 == 2) {
                piece = (size_t)(sector >> 32) % piece;
            }
            content_write(&inode->durable, offset, bytes, piece);
        }
    }
}

void de_disk_inode_cut(struct de_disk_inode *inode, enum de_disk_cut cut, struct de_dice *dice)
{
    if (inode->op_count == 0 && !inode->forgot) {
        return; /* all of it is on the medium */
    }
    inode->forgot = false;
    switch (cut) {
    case DE_DISK_CUT_ALL:
        break;
    case DE_DISK_CUT_PREFIX:
        cut_prefix(inode, dice);
        break;
    case DE_DISK_CUT_PAGES:
        cut_subset(inode, DE_DISK_PAGE_BYTES, dice);
        break;
    case DE_DISK_CUT_SECTORS:
        cut_subset(inode, DE_DISK_SECTOR_BYTES, dice);
        break;
    case DE_DISK_CUT_GARBAGE:
        cut_garbage(inode, dice);
        break;
    case DE_DISK_CUT_NONE:
        write_back(inode);
        break;
    }
    ops_clear(inode);
    content_copy(&inode->now, &inode->durable);
}

uint64_t de_disk_inode_digest(const struct de_disk_inode *inode)
{
    uint64_t hash = inode->now.size_bytes;

    /* Bytes behind the size are zeros, and a page of zeros counts as one that is missing. */
    for (size_t i = 0; i < inode->now.page_count; i++) {
        const uint8_t *page = inode->now.pages[i];

        if (page != NULL && (page[0] != 0 || memcmp(page, page + 1, DE_DISK_PAGE_BYTES - 1) != 0)) {
            hash = de_trace_mix(hash, i);
            hash = de_trace_mix(hash, de_trace_hash_bytes(page, DE_DISK_PAGE_BYTES));
        }
    }
    return hash;
}
