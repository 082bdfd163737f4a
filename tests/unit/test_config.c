/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that a person wrote: each mistake is named by file, line and member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "gateway/base/file.h"

/* A key of that id and use; its public one is that of RFC 8037, appendix A.1. */
#define JWK          "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define KEY(id, use) "{\"id\":\"" id "\",\"jwk\":" JWK ",\"use\":[\"" use "\"]}"

struct fixture {
    char directory[64];
    struct config config;
    struct text problems;
    struct text shown;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->directory, "/tmp/test_config.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    config_finish(&f->config);
    text_finish(&f->problems);
    text_finish(&f->shown);
    snprintf(command, sizeof(command), "rm -r %s", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static int parse(struct fixture *f, const char *bytes)
{
    config_finish(&f->config);
    text_reset(&f->problems);
    return config_parse("gateway.json", "/etc/stile", bytes, strlen(bytes), &f->config, &f->problems);
}

static void write_file(struct fixture *f, const char *name, const char *bytes, mode_t mode)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", f->directory, name);
    assert_int_equal(file_write(path, bytes, strlen(bytes), mode), 0);
}

/* A configuration whose paths all lie in the fixture's directory. members starts with a comma or is "". */
static void load_in_directory(struct fixture *f, const char *members)
{
    char bytes[1024];
    char path[128];

    snprintf(bytes, sizeof(bytes),
             "{\"site\":\"hub\",\"gateway\":\"gw1\",\"state_directory\":\".\",\"control_socket\":\"s\",\n"
             "\"driver_directory\":\".\",\"profile_directory\":\".\"%s}",
             members);
    write_file(f, "gateway.json", bytes, 0644);
    snprintf(path, sizeof(path), "%s/gateway.json", f->directory);
    assert_int_equal(config_load(path, &f->config, &f->problems), 0);
}

static void config_parse__least__presets_stand(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "{\"site\":\"hub\",\"gateway\":\"gw1\"}"), 0);
    assert_string_equal(f->config.site, "hub");
    assert_string_equal(f->config.gateway, "gw1");
    assert_int_equal(f->config.trust, CONFIG_TRUST_BROKER);
    assert_false(f->config.broker.present);
    assert_string_equal(f->config.state_directory, "/var/lib/stile");
    assert_string_equal(f->config.secret_file, "/var/lib/stile/secret");
    assert_string_equal(f->config.control_socket, "/run/stile/control.sock");
    assert_null(f->config.operator_group);
    assert_int_equal(f->config.limits.event_rows_max, 2000000);
    assert_int_equal(f->config.limits.event_rows_kept, 200000);
    assert_int_equal(f->config.limits.retention_days, 90);
    assert_int_equal(f->config.limits.gather_ms, 5);
}

static void config_parse__all__is_taken_and_paths_are_absolute(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        parse(f, "{\"site\":\"hub\",\"gateway\":\"gw1\",\"trust\":\"broker\",\"broker\":{\"host\":"
                 "\"h\",\"port\":8884,\"username\":\"u\",\"password_file\":\"pw\",\"ca_file\":\"ca\","
                 "\"cert_file\":\"crt\",\"key_file\":\"/k\"},\"state_"
                 "directory\":\"state\",\"secret_file\":\"key\",\"control_socket\":\"/s\","
                 "\"operator_group\":\"desk\",\"driver_directory\":\"/d\",\"profile_directory\":"
                 "\"p\",\"limits\":{\"event_rows_max\":1000,\"event_rows_kept\":1000,\"retention_"
                 "days\":0,\"gather_ms\":0}}"),
        0);
    assert_true(f->config.broker.present);
    assert_string_equal(f->config.broker.host, "h");
    assert_int_equal(f->config.broker.port, 8884);
    assert_string_equal(f->config.broker.username, "u");
    assert_string_equal(f->config.broker.password_file, "/etc/stile/pw");
    assert_string_equal(f->config.broker.ca_file, "/etc/stile/ca");
    assert_string_equal(f->config.broker.cert_file, "/etc/stile/crt");
    assert_string_equal(f->config.broker.key_file, "/k");
    assert_string_equal(f->config.state_directory, "/etc/stile/state");
    assert_string_equal(f->config.secret_file, "/etc/stile/key");
    assert_string_equal(f->config.control_socket, "/s");
    assert_string_equal(f->config.operator_group, "desk");
    assert_string_equal(f->config.profile_directory, "/etc/stile/p");
    assert_int_equal(f->config.limits.gather_ms, 0);
}

/* The one problem of a file with these members in its second line. */
static void assert_problem(struct fixture *f, const char *members, const char *problem)
{
    char bytes[512];
    char line[256];

    snprintf(bytes, sizeof(bytes), "{\"site\":\"hub\",\"gateway\":\"gw1\",\n%s}", members);
    assert_int_equal(parse(f, bytes), -EBADMSG);
    snprintf(line, sizeof(line), "gateway.json:2: %s\n", problem);
    assert_string_equal(text_string(&f->problems), line);
}

struct bad {
    const char *members;
    const char *problem;
};

static void config_parse__bad_members__each_is_refused(void **state)
{
    static const struct bad bad[] = {
        { "\"trust\":\"jws\"", "trust: must be one of broker, signed" },
        { "\"clock\":\"mine\"", "clock: must be one of kernel, vouched" },
        { "\"state_directory\":\"\"", "state_directory: must be 1 to 4095 bytes long" },
        { "\"secret_file\":7", "secret_file: must be a string" },
        { "\"control_socket\":null", "control_socket: must be a string" },
        { "\"operator_group\":[]", "operator_group: must be a string" },
        { "\"driver_directory\":{}", "driver_directory: must be a string" },
        { "\"profile_directory\":false", "profile_directory: must be a string" },
        { "\"broker\":\"host\"", "broker: must be an object" },
        { "\"broker\":{}", "broker.host: is missing" },
        { "\"broker\":{\"host\":\"\"}", "broker.host: must be 1 to 255 bytes long" },
        { "\"broker\":{\"host\":\"h\",\"port\":0}", "broker.port: must be an integer from 1 to 65535" },
        { "\"broker\":{\"host\":\"h\",\"username\":\"\"}", "broker.username: must be 1 to 255 bytes long" },
        { "\"broker\":{\"host\":\"h\",\"password_file\":1}", "broker.password_file: must be a string" },
        { "\"broker\":{\"host\":\"h\",\"ca_file\":\"\"}", "broker.ca_file: must be 1 to 4095 bytes long" },
        { "\"broker\":{\"host\":\"h\",\"cert_file\":\"c\",\"key_file\":\"k\"}",
          "broker.cert_file: needs broker.ca_file: without it there is no TLS" },
        { "\"broker\":{\"host\":\"h\",\"ca_file\":\"a\",\"cert_file\":\"c\"}",
          "broker.cert_file: needs broker.key_file" },
        { "\"broker\":{\"host\":\"h\",\"ca_file\":\"a\",\"key_file\":\"k\"}",
          "broker.key_file: needs broker.cert_file" },
        { "\"limits\":[]", "limits: must be an object" },
        { "\"limits\":{\"event_rows_max\":999}",
          "limits.event_rows_max: must be an integer from 1000 to 100000000" },
        { "\"limits\":{\"event_rows_kept\":-1}",
          "limits.event_rows_kept: must be an integer from 0 to 100000000" },
        { "\"limits\":{\"retention_days\":3651}",
          "limits.retention_days: must be an integer from 0 to 3650" },
        { "\"limits\":{\"gather_ms\":1.5}", "limits.gather_ms: must be an integer from 0 to 1000" },
        { "\"limits\":{\"event_rows_max\":1000}",
          "limits.event_rows_kept: must not exceed limits.event_rows_max (1000)" },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_problem(*state, bad[i].members, bad[i].problem);
}

static void config_parse__bad_keys__each_is_refused(void **state)
{
    static const struct bad bad[] = {
        { "\"keys\":{}", "keys: must be a list" },
        { "\"keys\":[7]", "keys[0]: must be an object" },
        { "\"trust\":\"signed\",\"keys\":[" KEY("k", "policy") "]",
          "keys: must hold a key with use \"root\" where trust is \"signed\"" },
        { "\"keys\":[" KEY("k", "policy") "," KEY("k", "root") "]", "keys[1].id: is the id of another key" },
        { "\"keys\":[" KEY("a", "policy") "," KEY("b", "polcy") "]",
          "keys[1].use[0]: must be policy, events, command, time, digital_key or root" },
        { "\"keys\":[{\"id\":\"k\",\"jwk\":" JWK ",\"use\":[\"root\"],\"scop\":{}}]",
          "keys[0].scop: is not known; did you mean \"scope\"?" },
        { "\"keys\":[{\"id\":\"k\",\"jwk\":" JWK ",\"use\":[\"root\"],\"scope\":{\"doors\":[]}}]",
          "keys[0].scope.doors: is not known" },
        { "\"keys\":[{\"id\":\"k\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"},"
          "\"use\":[\"root\"]}]",
          "keys[0].jwk.x: must be an Ed25519 public key, 32 bytes in base64url" },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_problem(*state, bad[i].members, bad[i].problem);
}

static void config_parse__several_problems__each_has_its_line(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "{\n"
                              "  \"site\": \"a site\",\n"
                              "  \"gatewy\": \"gw1\",\n"
                              "  \"broker\": {\n"
                              "    \"host\": \"h\",\n"
                              "    \"prot\": 1883,\n"
                              "    \"port\": \"1883\"\n"
                              "  },\n"
                              "  \"quux\": 1\n"
                              "}\n"),
                     -EBADMSG);
    assert_string_equal(
        text_string(&f->problems),
        "gateway.json:2: site: must be 1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit\n"
        "gateway.json:1: gateway: is missing\n"
        "gateway.json:3: gatewy: is not known; did you mean \"gateway\"?\n"
        "gateway.json:9: quux: is not known\n"
        "gateway.json:7: broker.port: must be an integer from 1 to 65535\n"
        "gateway.json:6: broker.prot: is not known; did you mean \"port\"?\n");
    assert_null(f->config.site);
}

static void config_parse__no_json__names_the_line(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "{\n\"site\": \"hub\",\n\"gateway\": gw1\n}"), -EBADMSG);
    assert_int_equal(strncmp(text_string(&f->problems), "gateway.json:3: ", 16), 0);
}

static void config_parse__repeated_member__names_it(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "{\"site\":\"hub\",\n\"gateway\":\"gw1\",\n\"site\":\"x\"}"), -EBADMSG);
    assert_int_equal(strncmp(text_string(&f->problems), "gateway.json:3: site: ", 22), 0);
}

static void config_parse__socket_path_too_long__is_refused(void **state)
{
    char bytes[256];

    snprintf(bytes, sizeof(bytes), "{\"site\":\"hub\",\"gateway\":\"gw1\",\"control_socket\":\"%0*d\"}", 100,
             7);
    assert_int_equal(parse(*state, bytes), -EBADMSG);
}

static void config_load__no_file__says_so(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(config_load("/nonexistent/x.json", &f->config, &f->problems), -ENOENT);
    assert_string_equal(text_string(&f->problems),
                        "/nonexistent/x.json: cannot be read: No such file or directory\n");
}

static void config_show__says_what_is_default(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "{\"site\":\"hub\",\"gateway\":\"gw1\",\"driver_directory\":\"/d\","
                              "\"profile_directory\":\"/p\",\"broker\":{\"host\":\"h\"},"
                              "\"limits\":{\"gather_ms\":7}}"),
                     0);
    config_show(&f->config, &f->shown);
    assert_string_equal(text_string(&f->shown), "site = hub\n"
                                                "gateway = gw1\n"
                                                "trust = broker (default)\n"
                                                "clock = kernel (default)\n"
                                                "state_directory = /var/lib/stile (default)\n"
                                                "secret_file = /var/lib/stile/secret (default)\n"
                                                "control_socket = /run/stile/control.sock (default)\n"
                                                "operator_group = none (default)\n"
                                                "driver_directory = /d\n"
                                                "profile_directory = /p\n"
                                                "keys = none (default)\n"
                                                "broker.host = h\n"
                                                "broker.port = 1883 (default)\n"
                                                "broker.username = none (default)\n"
                                                "broker.password_file = none (default)\n"
                                                "broker.ca_file = none (default)\n"
                                                "broker.cert_file = none (default)\n"
                                                "broker.key_file = none (default)\n"
                                                "limits.event_rows_max = 2000000 (default)\n"
                                                "limits.event_rows_kept = 200000 (default)\n"
                                                "limits.retention_days = 90 (default)\n"
                                                "limits.gather_ms = 7\n");
}

static void config_parse__keys__are_taken_and_shown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "{\"site\":\"hub\",\"gateway\":\"gw1\",\"trust\":\"signed\",\"keys\":[" KEY(
                                  "root-1", "root") "," KEY("pol-1", "policy\",\"events") "]}"),
                     0);
    assert_int_equal(f->config.trust, CONFIG_TRUST_SIGNED);
    assert_int_equal(f->config.keys.count, 2);
    assert_true(key_has_use(key_set_find(&f->config.keys, "root-1"), KEY_USE_POLICY));
    assert_false(key_has_use(key_set_find(&f->config.keys, "root-1"), KEY_USE_EVENTS));
    assert_true(key_has_use(key_set_find(&f->config.keys, "pol-1"), KEY_USE_EVENTS));
    config_show(&f->config, &f->shown);
    assert_non_null(strstr(text_string(&f->shown), "\ntrust = signed\n"));
    assert_non_null(strstr(text_string(&f->shown), "\nkeys = root-1 (root); pol-1 (policy, events)\n"));
}

static void config_show__stands_alone__says_so(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "{\"site\":\"hub\",\"gateway\":\"gw1\"}"), 0);
    config_show(&f->config, &f->shown);
    assert_non_null(strstr(text_string(&f->shown), "\nbroker = none (default)\n"));
}

static void config_parse__tls__has_its_port(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        parse(f, "{\"site\":\"hub\",\"gateway\":\"gw1\",\"broker\":{\"host\":\"h\",\"ca_file\":\"ca\"}}"), 0);
    assert_int_equal(f->config.broker.port, 8883);
}

static void config_check__tls_files__each_is_named(void **state)
{
    struct fixture *f = *state;

    write_file(f, "crt", "any", 0644);
    write_file(f, "key", "any", 0644);
    load_in_directory(f, ",\n\"broker\":{\"host\":\"h\",\"ca_file\":\"no-ca\",\n"
                         "\"cert_file\":\"crt\",\"key_file\":\"key\"}");
    assert_int_equal(config_check(&f->config, &f->problems), -EBADMSG);
    const char *told = text_string(&f->problems);

    assert_non_null(strstr(told, "gateway.json:3: broker.ca_file: "));
    assert_non_null(strstr(told, "/no-ca: No such file or directory\n"));
    assert_null(strstr(told, "broker.cert_file"));
    assert_non_null(strstr(told, "gateway.json:4: broker.key_file: "));
    assert_non_null(strstr(told, "key must be nobody else's to read (mode 0644)\n"));
}

static void config_warn__plain_tcp_beyond_this_machine__is_told(void **state)
{
    static const struct {
        const char *broker;
        bool warned;
    } cases[] = {
        { "\"host\":\"broker.example.org\"", true },
        { "\"host\":\"10.0.0.7\"", true },
        { "\"host\":\"broker.example.org\",\"ca_file\":\"ca\"", false },
        { "\"host\":\"localhost\"", false },
        { "\"host\":\"127.0.0.1\"", false },
        { "\"host\":\"::1\"", false },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char bytes[128];

        snprintf(bytes, sizeof(bytes), "{\"site\":\"hub\",\"gateway\":\"gw1\",\n\"broker\":{%s}}",
                 cases[i].broker);
        assert_int_equal(parse(f, bytes), 0);
        text_reset(&f->shown);
        config_warn(&f->config, &f->shown);
        assert_int_equal(strncmp(text_string(&f->shown), "gateway.json:2: broker.host: ", 29) == 0,
                         cases[i].warned);
    }
}

static void config_check__all_there__is_silent(void **state)
{
    struct fixture *f = *state;

    write_file(f, "pw", "hunter2\n", 0640);
    load_in_directory(f, ",\"broker\":{\"host\":\"h\",\"password_file\":\"pw\"},\"operator_group\":\"root\"");
    assert_int_equal(config_check(&f->config, &f->problems), 0);
    assert_string_equal(text_string(&f->problems), "");
}

static void config_check__faults__all_are_told(void **state)
{
    struct fixture *f = *state;

    write_file(f, "secret", "short", 0600);
    write_file(f, "pw", "hunter2\n", 0644);
    load_in_directory(f, ",\n\"broker\":{\"host\":\"h\",\"password_file\":\"pw\"},\n"
                         "\"operator_group\":\"no such group\"");
    free(f->config.state_directory);
    f->config.state_directory = strdup("/nonexistent");
    assert_int_equal(config_check(&f->config, &f->problems), -EBADMSG);
    const char *told = text_string(&f->problems);

    assert_non_null(
        strstr(told, "gateway.json:1: state_directory: /nonexistent: No such file or directory\n"));
    assert_non_null(strstr(told, "secret must have 32 bytes\n"));
    assert_non_null(strstr(told, "gateway.json:3: broker.password_file: "));
    assert_non_null(strstr(told, "pw must be nobody else's to read (mode 0644)\n"));
    assert_non_null(strstr(told, "gateway.json:4: operator_group: there is no group \"no such group\"\n"));
}

static void config_secret__none__is_created_and_stays(void **state)
{
    struct fixture *f = *state;
    uint8_t first[SECRET_BYTES] = { 0 }, second[SECRET_BYTES], zero[SECRET_BYTES] = { 0 };
    struct stat st;

    load_in_directory(f, "");
    assert_int_equal(config_secret(&f->config, first), 0);
    assert_int_equal(config_secret(&f->config, second), 0);
    assert_memory_equal(first, second, SECRET_BYTES);
    assert_memory_not_equal(first, zero, SECRET_BYTES);
    assert_int_equal(stat(f->config.secret_file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(config_check(&f->config, &f->problems), 0);
}

static void config_secret__wrong_length_or_open__is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t secret[SECRET_BYTES];

    load_in_directory(f, "");
    write_file(f, "secret", "0123456789abcdef0123456789abcdef!", 0600);
    assert_int_equal(config_secret(&f->config, secret), -EBADMSG);
    write_file(f, "secret", "0123456789abcdef0123456789abcdef", 0644);
    assert_int_equal(config_secret(&f->config, secret), -EPERM);
}

static void config_password__first_line(void **state)
{
    struct fixture *f = *state;
    cleanup_with(freep) char *password = NULL;

    write_file(f, "pw", "hunter2\nrest\n", 0600);
    load_in_directory(f, ",\"broker\":{\"host\":\"h\",\"password_file\":\"pw\"}");
    assert_int_equal(config_password(&f->config, &password), 0);
    assert_string_equal(password, "hunter2");
}

static void config_password__none_or_open(void **state)
{
    struct fixture *f = *state;
    char *password = f->directory;

    load_in_directory(f, "");
    assert_int_equal(config_password(&f->config, &password), 0);
    assert_null(password);
    config_finish(&f->config);
    write_file(f, "pw", "hunter2\n", 0604);
    load_in_directory(f, ",\"broker\":{\"host\":\"h\",\"password_file\":\"pw\"}");
    assert_int_equal(config_password(&f->config, &password), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(config_parse__least__presets_stand, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__all__is_taken_and_paths_are_absolute, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__bad_members__each_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__bad_keys__each_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__several_problems__each_has_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__no_json__names_the_line, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__repeated_member__names_it, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__socket_path_too_long__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(config_load__no_file__says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(config_show__says_what_is_default, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__keys__are_taken_and_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(config_show__stands_alone__says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(config_parse__tls__has_its_port, setup, teardown),
        cmocka_unit_test_setup_teardown(config_check__tls_files__each_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(config_warn__plain_tcp_beyond_this_machine__is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(config_check__all_there__is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(config_check__faults__all_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(config_secret__none__is_created_and_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(config_secret__wrong_length_or_open__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(config_password__first_line, setup, teardown),
        cmocka_unit_test_setup_teardown(config_password__none_or_open, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
