/* The example of the README: an engine in the process, in ./data. */
#include <stdio.h>
#include <dengine/dengine.h>

int main(void)
{
    struct dengine *engine;
    struct dengine_value value;

    if (dengine_open("./data", &engine) != 0) {
        fprintf(stderr, "%s\n", dengine_open_message());
        return 1;
    }
    struct dengine_client *client = dengine_client_of(engine);
    int err = dengine_wait_ready(engine, 5000, NULL);
    if (err == 0) {
        err = dengine_put(client, DENGINE_STR("greeting"), DENGINE_STR("hello"), NULL);
    }
    if (err == 0) {
        err = dengine_get(client, DENGINE_STR("greeting"), DENGINE_LINEARIZABLE, NULL, &value);
    }
    if (err == 0) {
        printf("%.*s\n", (int)value.size, (const char *)value.data);
        dengine_value_free(&value);
    } else {
        fprintf(stderr, "%s\n", dengine_strerror(err));
    }
    return dengine_close(engine) == 0 && err == 0 ? 0 : 1;
}
