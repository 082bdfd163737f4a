/* SPDX-License-Identifier: GPL-3.0-or-later */
/* broker.h: the broker and the network around it, with two clients. What is sent while a connection stands
 * arrives once and in order, unless the universe's faults say otherwise; what is on its way when a connection
 * ends is lost, as with Session Expiry 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum broker_client { BROKER_GATEWAY, BROKER_CLOUD, BROKER_CLIENTS };

/* Topics are whole, with their NUL. */
#define BROKER_TOPIC_SIZE 192

void broker_begin(void);
void broker_end(void);

/* Whether a connection can be made now. */
bool broker_reachable(enum broker_client client);

/* Connects; what is retained follows. will: retained under that topic when the connection ends without
 * broker_leave(); NULL: none. */
void broker_connect(enum broker_client client, const char *will_topic, const char *will, size_t len);

void broker_publish(enum broker_client client, const char *topic, bool retained, const char *payload,
                    size_t len);

/* Takes leave once what was published has arrived. */
void broker_leave(enum broker_client client);

/* The client is gone without a word; noticed: its system closed the connection. */
void broker_vanish(enum broker_client client, bool noticed);

/* Faults. */
void broker_reset(enum broker_client client);
void broker_partition(enum broker_client client, int64_t us);
void broker_restart(bool empty, int64_t us);
void broker_replay(void); /* something that the cloud said before */

/* Everything goes through again. */
void broker_mend(void);
