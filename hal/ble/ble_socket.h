/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_socket.h: the kernel's ATT channel: an L2CAP socket on CID 4, one PDU at a time. Never blocks.
 *
 * Any connected socket that keeps the bounds of packets will do for the sending and receiving; tests use a
 * pair of AF_UNIX ones.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/ble_address.h"

/* Begins to connect; the socket becomes writable when that is over. adapter: NULL for any. The link is not
 * encrypted: locks do that themselves. Returns 0 or a negative errno. */
int ble_socket_connect(const struct ble_address *adapter, const struct ble_address *peer,
                       int *ret_fd) must_check;

/* Returns 1 (connected), 0 (not yet), or the negative errno for which it cannot connect. */
int ble_socket_connected(int fd) must_check;

/* Returns 1 (taken), 0 (later, with the same PDU), or a negative errno: the link is gone. */
int ble_socket_send(int fd, const uint8_t bytes[], size_t len) must_check;

/* Returns 1 with a PDU, 0 (none now), or a negative errno: the link is gone. A PDU may be empty. What is
 * longer than size is cut to it. */
int ble_socket_receive(int fd, uint8_t ret_bytes[], size_t size, size_t *ret_len) must_check;

/* A word for a negative errno of these functions: "no_answer", "busy", … */
const char *ble_socket_reason(int error);
