#include "client/queue_look.h"

#include "client/client_ops.h"
#include "core/base/assert.h"

int de_queue_name_init(struct de_queue_name *name, struct dengine_slice from)
{
    if (from.size == 0 || from.data == NULL) {
        de_client_set_last_error("the name is empty");
        return DENGINE_E_INVALID;
    }
    if (from.size > DENGINE_LOCK_NAME_MAX) {
        de_client_set_last_error("the name has %zu bytes, at most %d are allowed", from.size,
                                 DENGINE_LOCK_NAME_MAX);
        return DENGINE_E_TOO_LARGE;
    }
    memcpy(name->prefix, from.data, from.size);
    name->prefix[from.size] = '/';
    name->size = from.size + 1;
    DE_ASSERT(name->size <= DE_QUEUE_PREFIX_MAX);
    return 0;
}

struct dengine_slice de_queue_key(const struct de_queue_name *name, const struct de_place *place,
                                  uint8_t *bytes)
{
    DE_ASSERT(place->joined != 0);
    memcpy(bytes, name->prefix, name->size);
    memcpy(bytes + name->size, place->digits, DE_PLACE_DIGITS);
    return dengine_bytes(bytes, name->size + DE_PLACE_DIGITS);
}

static int take_pair(const struct dengine_pair *pair, struct de_queue_look *look)
{
    struct de_place_key key = {.place = {.joined = pair->create_revision},
                               .version = pair->version,
                               .revision = pair->mod_revision,
                               .lease = pair->lease};

    DE_ASSERT(pair->key.size > DE_PLACE_DIGITS);
    memcpy(key.place.digits, (const uint8_t *)pair->key.data + pair->key.size - DE_PLACE_DIGITS,
           DE_PLACE_DIGITS);
    if (!de_look_key(&look->keys, &key)) {
        return 0;
    }
    dengine_value_free(&look->value);
    return look->with_value ? de_client_value_copy(&look->value, pair->value, pair->mod_revision)
                            : 0;
}

static void ask(struct de_queue_look *look, struct de_task *task)
{
    de_task_ask(task);
    de_task_asked(
        task, dengine_scan_async(de_task_client(task), &look->scan, NULL, de_task_answer, task));
}

void de_queue_look_begin(struct de_queue_look *look, const struct de_queue_name *name,
                         const struct de_place *own, bool with_value, struct de_task *task)
{
    const struct dengine_slice prefix = dengine_bytes(name->prefix, name->size);

    DE_ASSERT(look->value.owner == NULL);
    *look = (struct de_queue_look){.keys = {.own = *own}, .name = name, .with_value = with_value};
    look->scan = (struct dengine_scan){
        .from = prefix, .keys_only = !with_value, .consistency = DENGINE_LINEARIZABLE};
    look->scan.end = dengine_prefix_end(prefix, look->end);
    ask(look, task);
}

static int take_page(struct de_queue_look *look, const struct dengine_page *page)
{
    int err = de_look_page(&look->keys, page->revision);

    for (size_t i = 0; err == 0 && i < page->count; i++) {
        if (page->pairs[i].key.size == look->name->size + DE_PLACE_DIGITS) {
            err = take_pair(&page->pairs[i], look);
        }
    }
    return err;
}

bool de_queue_look_answered(struct de_queue_look *look, const struct dengine_reply *reply,
                            struct de_task *task, int *err)
{
    struct dengine_page page = reply->page;

    *err = reply->status != 0 ? reply->status : take_page(look, &page);
    if (*err == 0 && dengine_scan_next(&look->scan, &page)) {
        ask(look, task);
        dengine_page_free(&page); /* which that one begins behind, and has copied from */
        return false;
    }
    dengine_page_free(&page);
    return true;
}

void de_queue_look_end(struct de_queue_look *look)
{
    DE_ASSERT(look->name != NULL);
    dengine_value_free(&look->value);
}
