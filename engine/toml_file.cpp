#include "engine/toml_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#define TOML_HEADER_ONLY       1
#define TOML_EXCEPTIONS        0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <dengine/error.h>

namespace
{

/* No configuration is longer. */
constexpr size_t file_bytes_max = 1024 * 1024;

/* Tables within tables. */
constexpr int depth_max = 8;

struct reader {
    const char *path;
    int (*visit)(void *context, const char *name, const char *value, uint32_t line);
    void *context;
    char *message;
    size_t message_size;
};

int refuse(const reader &r, const toml::source_position &at, const std::string &what)
{
    (void)snprintf(r.message, r.message_size, "%s:%u: %s", r.path, (unsigned)at.line, what.c_str());
    return DENGINE_E_CONFIG;
}

int read_text(const reader &r, std::string *text)
{
    char buffer[16384];
    size_t got;
    int err = 0;
    FILE *file = fopen(r.path, "rbe");

    if (file == nullptr) {
        (void)snprintf(r.message, r.message_size, "cannot open %s: %s", r.path, strerror(errno));
        return errno == ENOENT ? DENGINE_E_NOT_FOUND
                               : (errno == EACCES ? DENGINE_E_PERMISSION : DENGINE_E_IO);
    }
    while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0 && text->size() <= file_bytes_max) {
        text->append(buffer, got);
    }
    if (ferror(file) != 0) {
        (void)snprintf(r.message, r.message_size, "cannot read %s: %s", r.path, strerror(errno));
        err = DENGINE_E_IO;
    } else if (text->size() > file_bytes_max) {
        (void)snprintf(r.message, r.message_size, "%s is too long to be a configuration", r.path);
        err = DENGINE_E_CONFIG;
    }
    (void)fclose(file);
    return err;
}

/* One scalar as text; false when it is of another kind. */
bool scalar(const toml::node &node, std::string *text)
{
    if (const auto *string = node.as_string()) {
        *text = string->get();
    } else if (const auto *integer = node.as_integer()) {
        *text = std::to_string(integer->get());
    } else if (const auto *boolean = node.as_boolean()) {
        *text = boolean->get() ? "true" : "false";
    } else {
        return false;
    }
    return true;
}

/* { id = 1, address = "host:port" }; role and status, as d-engine writes them, only with the values
 * that every initial member has. */
bool member(const toml::node &node, std::string *text)
{
    const auto *table = node.as_table();
    std::string id;
    std::string address;

    if (table == nullptr) {
        return false;
    }
    for (const auto &[key, value] : *table) {
        std::string item;

        if (!scalar(value, &item)) {
            return false;
        }
        if (key == "id") {
            id = item;
        } else if (key == "address") {
            address = item;
        } else if (!(key == "role" && item == "1") && !(key == "status" && item == "3")) {
            return false;
        }
    }
    *text = id + "=" + address;
    return !id.empty() && !address.empty();
}

int visit_array(const reader &r, const std::string &name, const toml::array &array)
{
    std::string joined;

    for (const auto &item : array) {
        std::string text;

        if (!scalar(item, &text) && !member(item, &text)) {
            return refuse(r, item.source().begin,
                          name + ": an item must be a string, or a table with id and address");
        }
        joined += joined.empty() ? text : "," + text;
    }
    return r.visit(r.context, name.c_str(), joined.c_str(), array.source().begin.line);
}

int visit_table(const reader &r, const std::string &prefix, const toml::table &table, int depth)
{
    for (const auto &[key, node] : table) {
        const std::string name = prefix + std::string(key.str());
        std::string text;
        int err;

        if (const auto *inner = node.as_table()) {
            err = depth < depth_max
                      ? visit_table(r, name + ".", *inner, depth + 1)
                      : refuse(r, node.source().begin, name + ": too many tables in one another");
        } else if (const auto *array = node.as_array()) {
            err = visit_array(r, name, *array);
        } else if (scalar(node, &text)) {
            err = r.visit(r.context, name.c_str(), text.c_str(), node.source().begin.line);
        } else {
            err = refuse(r, node.source().begin,
                         name + ": must be a string, a whole number or a boolean");
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int read_file(const reader &r)
{
    std::string text;
    const int err = read_text(r, &text);

    if (err != 0) {
        return err;
    }
    const toml::parse_result result = toml::parse(text, std::string_view(r.path));

    if (!result) {
        return refuse(r, result.error().source().begin, std::string(result.error().description()));
    }
    return visit_table(r, "", result.table(), 0);
}

} // namespace

int de_toml_read(const char *path,
                 int (*visit)(void *context, const char *name, const char *value, uint32_t line),
                 void *context, char *message, size_t message_size)
{
    const reader r = {path, visit, context, message, message_size};

    /* Only memory can throw; no exception may reach C. */
    try {
        return read_file(r);
    } catch (const std::bad_alloc &) {
        (void)snprintf(message, message_size, "out of memory");
        return DENGINE_E_NO_MEMORY;
    }
}
