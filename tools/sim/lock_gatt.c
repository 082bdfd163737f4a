/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_gatt.c: a row for each attribute, a row for each request. The specification's order of checks is kept
 * (Vol 3, Part F, 3.4): a bad PDU, a bad handle, then what the attribute does not permit. */
#include "tools/sim/lock_gatt.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/base/clock.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CCCD_BYTES       2
#define APPEARANCE       0x0000 /* generic: unknown */
#define PROPERTIES_OF_IO (ATT_PROPERTY_WRITE | ATT_PROPERTY_INDICATE)

enum kind { KIND_SERVICE, KIND_CHARACTERISTIC, KIND_NAME, KIND_APPEARANCE, KIND_IO, KIND_CCCD };

#define NUKI(a, b)                                                                                           \
    {                                                                                                        \
        {                                                                                                    \
            0xa9, 0x2e, a, b, 0x55, 0x01, 0x11, 0xe4, 0x91, 0x6c, 0x08, 0x00, 0x20, 0x0c, 0x9a, 0x66         \
        }                                                                                                    \
    }

/* uuid: a service's or characteristic's own; its attribute's type follows from the kind. */
struct attribute {
    enum kind kind;
    struct att_uuid uuid;
    uint8_t properties;
    enum lock_io io;
};

static const struct attribute attributes[] = {
    { KIND_SERVICE, ATT_UUID_16(0x1800) },
    { KIND_CHARACTERISTIC, ATT_UUID_16(0x2a00), ATT_PROPERTY_READ },
    { KIND_NAME, ATT_UUID_16(0x2a00) },
    { KIND_CHARACTERISTIC, ATT_UUID_16(0x2a01), ATT_PROPERTY_READ },
    { KIND_APPEARANCE, ATT_UUID_16(0x2a01) },
    { KIND_SERVICE, ATT_UUID_16(0x1801) },
    { KIND_CHARACTERISTIC, ATT_UUID_16(0x2a05), ATT_PROPERTY_INDICATE },
    { KIND_IO, ATT_UUID_16(0x2a05), 0, LOCK_IO_CHANGED },
    { KIND_CCCD, ATT_UUID_16(ATT_TYPE_CCCD), 0, LOCK_IO_CHANGED },
    { KIND_SERVICE, NUKI(0xe1, 0x00) },
    { KIND_CHARACTERISTIC, NUKI(0xe1, 0x01), PROPERTIES_OF_IO },
    { KIND_IO, NUKI(0xe1, 0x01), 0, LOCK_IO_PAIRING },
    { KIND_CCCD, ATT_UUID_16(ATT_TYPE_CCCD), 0, LOCK_IO_PAIRING },
    { KIND_SERVICE, NUKI(0xe2, 0x00) },
    { KIND_CHARACTERISTIC, NUKI(0xe2, 0x01), PROPERTIES_OF_IO },
    { KIND_IO, NUKI(0xe2, 0x01), 0, LOCK_IO_PLAIN },
    { KIND_CCCD, ATT_UUID_16(ATT_TYPE_CCCD), 0, LOCK_IO_PLAIN },
    { KIND_CHARACTERISTIC, NUKI(0xe2, 0x02), PROPERTIES_OF_IO },
    { KIND_IO, NUKI(0xe2, 0x02), 0, LOCK_IO_SECRET },
    { KIND_CCCD, ATT_UUID_16(ATT_TYPE_CCCD), 0, LOCK_IO_SECRET },
};

/* The first of Nuki's, which `shift` moves. */
#define NUKI_FIRST 9

static uint16_t handle_of(const struct lock_gatt *gatt, size_t index)
{
    return (uint16_t)(index + 1 + (index >= NUKI_FIRST ? gatt->shift : 0));
}

/* The attribute of that handle; COUNT: there is none. */
static size_t find_handle(const struct lock_gatt *gatt, uint16_t handle)
{
    size_t i = 0;

    while (i < COUNT(attributes) && handle_of(gatt, i) != handle)
        i++;
    return i;
}

static struct att_uuid type_of(const struct attribute *attribute)
{
    if (attribute->kind == KIND_SERVICE)
        return att_uuid_16(ATT_TYPE_PRIMARY_SERVICE);
    return attribute->kind == KIND_CHARACTERISTIC ? att_uuid_16(ATT_TYPE_CHARACTERISTIC) : attribute->uuid;
}

/* The last handle of the service at index. */
static uint16_t end_of(const struct lock_gatt *gatt, size_t index)
{
    size_t i = index + 1;

    while (i < COUNT(attributes) && attributes[i].kind != KIND_SERVICE)
        i++;
    return i == COUNT(attributes) ? ATT_HANDLE_LAST : handle_of(gatt, i - 1);
}

static size_t put_u16(uint8_t *to, uint16_t value)
{
    bytes_put_u16(to, value);
    return 2;
}

/* A readable attribute's value. Returns its length, or -EACCES: it is not readable. */
static ssize_t value_of(const struct lock_gatt *gatt, size_t index,
                        uint8_t ret_value[static LOCK_GATT_NAME_SIZE])
{
    const struct attribute *attribute = &attributes[index];

    switch (attribute->kind) {
    case KIND_SERVICE:
        return (ssize_t)att_uuid_put(&attribute->uuid, ret_value);
    case KIND_CHARACTERISTIC:
        ret_value[0] = attribute->properties;
        put_u16(ret_value + 1, handle_of(gatt, index + 1));
        return (ssize_t)(3 + att_uuid_put(&attribute->uuid, ret_value + 3));
    case KIND_NAME:
        memcpy(ret_value, gatt->name, strlen(gatt->name));
        return (ssize_t)strlen(gatt->name);
    case KIND_APPEARANCE:
        return (ssize_t)put_u16(ret_value, APPEARANCE);
    case KIND_CCCD:
        return (ssize_t)put_u16(ret_value, gatt->cccd[attribute->io]);
    case KIND_IO:
        return -EACCES;
    }
    return -EACCES;
}

static void send_pdu(struct lock_gatt *gatt, const struct att_pdu *pdu)
{
    uint8_t bytes[ATT_MTU_MAX];

    gatt->user.send(gatt->user.userdata, bytes, att_format(pdu, bytes));
}

static void refuse(struct lock_gatt *gatt, const struct att_pdu *request, uint16_t handle, uint8_t code)
{
    send_pdu(gatt, &(struct att_pdu){
                       .opcode = ATT_ERROR, .request = request->opcode, .handle = handle, .code = code });
}

static void tell(struct lock_gatt *gatt, enum lock_gatt_event event, enum lock_io io, const char *text)
{
    gatt->user.event(gatt->user.userdata, event, io, text);
}

/* --- what the lock says by itself --- */

static size_t piece_len(const struct lock_gatt *gatt, size_t len)
{
    size_t most = gatt->mtu - ATT_VALUE_BEFORE;

    return len < most ? len : most;
}

static void send_piece(struct lock_gatt *gatt, enum lock_io io, const uint8_t *bytes, size_t len)
{
    send_pdu(gatt, &(struct att_pdu){ .opcode = ATT_INDICATION,
                                      .handle = lock_gatt_handle(gatt, io),
                                      .value = bytes,
                                      .len = len });
}

static void send_next(struct lock_gatt *gatt, int64_t now_us)
{
    const struct lock_gatt_value *value = &gatt->queue[gatt->first];

    if (gatt->wants_confirmation || gatt->queued == 0)
        return;
    size_t len = piece_len(gatt, value->len - gatt->sent);

    gatt->wants_confirmation = true;
    gatt->expires_us = now_us + ATT_TRANSACTION_MS * USEC_PER_MSEC;
    gatt->sent += len;
    send_piece(gatt, value->io, value->bytes + gatt->sent - len, len);
}

static void take_confirmation(struct lock_gatt *gatt, int64_t now_us)
{
    const struct lock_gatt_value *value = &gatt->queue[gatt->first];

    if (!gatt->wants_confirmation) {
        tell(gatt, LOCK_GATT_OFFENCE, LOCK_IOS, "a confirmation of nothing");
        return;
    }
    gatt->wants_confirmation = false;
    if (gatt->sent == value->len) {
        gatt->sent = 0;
        gatt->first = (gatt->first + 1) % LOCK_GATT_QUEUE_MAX;
        gatt->queued--;
        tell(gatt, LOCK_GATT_TOLD, value->io, value->label);
    }
    send_next(gatt, now_us);
}

int lock_gatt_indicate(struct lock_gatt *gatt, int64_t now_us, const struct lock_gatt_value *value)
{
    if (!(gatt->cccd[value->io] & ATT_CCCD_INDICATE))
        return -ENOTCONN;
    if (gatt->queued == LOCK_GATT_QUEUE_MAX || value->len == 0 || value->len > LOCK_GATT_VALUE_MAX)
        return -ENOBUFS;
    gatt->queue[(gatt->first + gatt->queued++) % LOCK_GATT_QUEUE_MAX] = *value;
    send_next(gatt, now_us);
    return 0;
}

void lock_gatt_storm(struct lock_gatt *gatt, enum lock_io io, const uint8_t bytes[], size_t len)
{
    for (size_t at = 0; at < len; at += piece_len(gatt, len - at))
        send_piece(gatt, io, bytes + at, piece_len(gatt, len - at));
}

int64_t lock_gatt_turn(struct lock_gatt *gatt, int64_t now_us)
{
    if (!gatt->wants_confirmation)
        return INT64_MAX;
    if (now_us < gatt->expires_us)
        return gatt->expires_us;
    gatt->wants_confirmation = false;
    tell(gatt, LOCK_GATT_DEAD, LOCK_IOS, "no confirmation");
    return INT64_MAX;
}

/* --- what the client asks --- */

static void do_mtu(struct lock_gatt *gatt, const struct att_pdu *request)
{
    uint16_t both = request->mtu < gatt->mtu_offered ? request->mtu : gatt->mtu_offered;

    gatt->mtu = both > ATT_MTU_DEFAULT ? both : ATT_MTU_DEFAULT;
    send_pdu(gatt, &(struct att_pdu){ .opcode = ATT_MTU_RESPONSE, .mtu = gatt->mtu_offered });
    tell(gatt, LOCK_GATT_MTU_AGREED, LOCK_IOS, "");
}

/* Whether a request's range is none; it is refused. */
static bool bad_range(struct lock_gatt *gatt, const struct att_pdu *request)
{
    if (request->first != 0 && request->first <= request->last)
        return false;
    refuse(gatt, request, request->first, ATT_ERROR_INVALID_HANDLE);
    return true;
}

static bool in_range(const struct lock_gatt *gatt, const struct att_pdu *request, size_t index)
{
    uint16_t handle = handle_of(gatt, index);

    return handle >= request->first && handle <= request->last;
}

static bool has_type(size_t index, const struct att_uuid *type)
{
    const struct att_uuid own = type_of(&attributes[index]);

    return att_uuid_equal(&own, type);
}

/* Sends a list of what was found, or that it was nothing. */
static void send_list(struct lock_gatt *gatt, const struct att_pdu *request, const struct att_pdu *list)
{
    if (list->len > 0)
        send_pdu(gatt, list);
    else
        refuse(gatt, request, request->first, ATT_ERROR_NOT_FOUND);
}

static void do_find_info(struct lock_gatt *gatt, const struct att_pdu *request)
{
    uint8_t bytes[ATT_MTU_MAX];
    struct att_pdu list = { .opcode = ATT_FIND_INFO_RESPONSE };

    if (bad_range(gatt, request))
        return;
    for (size_t i = 0; i < COUNT(attributes); i++) {
        const struct att_entry entry = { .handle = handle_of(gatt, i), .uuid = type_of(&attributes[i]) };

        if (in_range(gatt, request, i) && !att_entry_add(&list, bytes, gatt->mtu, &entry))
            break;
    }
    send_list(gatt, request, &list);
}

/* Only services are found by their value: whoever asks wants to know where they end. */
static void do_find_value(struct lock_gatt *gatt, const struct att_pdu *request)
{
    uint8_t bytes[ATT_MTU_MAX];
    uint8_t value[LOCK_GATT_NAME_SIZE];
    struct att_pdu list = { .opcode = ATT_FIND_VALUE_RESPONSE };

    if (bad_range(gatt, request))
        return;
    for (size_t i = 0; i < COUNT(attributes); i++) {
        ssize_t len = value_of(gatt, i, value);
        const struct att_entry entry = { .handle = handle_of(gatt, i), .end = end_of(gatt, i) };

        if (attributes[i].kind == KIND_SERVICE && in_range(gatt, request, i) && has_type(i, &request->type) &&
            (size_t)len == request->len && memcmp(value, request->value, request->len) == 0 &&
            !att_entry_add(&list, bytes, gatt->mtu, &entry))
            break;
    }
    send_list(gatt, request, &list);
}

/* The first one that cannot be read ends the list, or is the error if it is the only one (3.4.4.1). */
static void do_read_type(struct lock_gatt *gatt, const struct att_pdu *request)
{
    uint8_t bytes[ATT_MTU_MAX];
    uint8_t value[LOCK_GATT_NAME_SIZE];
    struct att_pdu list = { .opcode = ATT_READ_TYPE_RESPONSE };

    if (bad_range(gatt, request))
        return;
    for (size_t i = 0; i < COUNT(attributes); i++) {
        if (!in_range(gatt, request, i) || !has_type(i, &request->type))
            continue;
        ssize_t len = value_of(gatt, i, value);

        if (len < 0 && list.len == 0) {
            refuse(gatt, request, handle_of(gatt, i), ATT_ERROR_READ_NOT_PERMITTED);
            return;
        }
        if (len < 0)
            break;
        size_t most = (size_t)gatt->mtu - 4; /* opcode, length, handle */
        const struct att_entry entry = { .handle = handle_of(gatt, i),
                                         .value = value,
                                         .len = (size_t)len < most ? (size_t)len : most };

        if (!att_entry_add(&list, bytes, gatt->mtu, &entry))
            break;
    }
    send_list(gatt, request, &list);
}

static void do_read_group(struct lock_gatt *gatt, const struct att_pdu *request)
{
    const struct att_uuid service = att_uuid_16(ATT_TYPE_PRIMARY_SERVICE);
    uint8_t bytes[ATT_MTU_MAX];
    uint8_t value[LOCK_GATT_NAME_SIZE];
    struct att_pdu list = { .opcode = ATT_READ_GROUP_RESPONSE };

    if (bad_range(gatt, request))
        return;
    if (!att_uuid_equal(&request->type, &service)) {
        refuse(gatt, request, request->first, ATT_ERROR_UNSUPPORTED_GROUP);
        return;
    }
    for (size_t i = 0; i < COUNT(attributes); i++) {
        if (!in_range(gatt, request, i) || attributes[i].kind != KIND_SERVICE)
            continue;
        const struct att_entry entry = { .handle = handle_of(gatt, i),
                                         .end = end_of(gatt, i),
                                         .value = value,
                                         .len = (size_t)value_of(gatt, i, value) };

        if (!att_entry_add(&list, bytes, gatt->mtu, &entry))
            break;
    }
    send_list(gatt, request, &list);
}

/* A read from offset on, with which a plain read begins. */
static void read_from(struct lock_gatt *gatt, const struct att_pdu *request, uint8_t response)
{
    uint8_t value[LOCK_GATT_NAME_SIZE];
    size_t index = find_handle(gatt, request->handle);
    ssize_t len = index < COUNT(attributes) ? value_of(gatt, index, value) : -ENOENT;

    if (len < 0) {
        refuse(gatt, request, request->handle,
               len == -ENOENT ? ATT_ERROR_INVALID_HANDLE : ATT_ERROR_READ_NOT_PERMITTED);
        return;
    }
    if (request->offset > len) {
        refuse(gatt, request, request->handle, ATT_ERROR_INVALID_OFFSET);
        return;
    }
    size_t rest = (size_t)len - request->offset;
    size_t most = (size_t)gatt->mtu - 1;

    send_pdu(gatt, &(struct att_pdu){ .opcode = response,
                                      .value = value + request->offset,
                                      .len = rest < most ? rest : most });
}

static void do_read(struct lock_gatt *gatt, const struct att_pdu *request)
{
    read_from(gatt, request, ATT_READ_RESPONSE);
}

static void do_read_blob(struct lock_gatt *gatt, const struct att_pdu *request)
{
    read_from(gatt, request, ATT_READ_BLOB_RESPONSE);
}

/* What speaks against a write to a handle: a code, or 0. */
static uint8_t write_fault(size_t index, const struct att_pdu *request)
{
    if (index == COUNT(attributes))
        return ATT_ERROR_INVALID_HANDLE;
    const struct attribute *attribute = &attributes[index];

    if (attribute->kind == KIND_CCCD)
        return request->len == CCCD_BYTES ? 0 : ATT_ERROR_INVALID_LENGTH;
    return attribute->kind == KIND_IO && attribute->io != LOCK_IO_CHANGED ? 0 : ATT_ERROR_WRITE_NOT_PERMITTED;
}

/* Nothing here notifies. */
static uint8_t subscribe(struct lock_gatt *gatt, enum lock_io io, const uint8_t value[static CCCD_BYTES])
{
    unsigned bits = value[0] | (unsigned)value[1] << 8;

    if (bits & ~(unsigned)ATT_CCCD_INDICATE)
        return ATT_ERROR_VALUE_NOT_ALLOWED;
    gatt->cccd[io] = (uint16_t)bits;
    return 0;
}

static void do_write(struct lock_gatt *gatt, const struct att_pdu *request)
{
    size_t index = find_handle(gatt, request->handle);
    uint8_t code = write_fault(index, request);
    bool cccd = code == 0 && attributes[index].kind == KIND_CCCD;

    if (cccd)
        code = subscribe(gatt, attributes[index].io, request->value);
    if (code) {
        refuse(gatt, request, request->handle, code);
        return;
    }
    send_pdu(gatt, &(struct att_pdu){ .opcode = ATT_WRITE_RESPONSE });
    if (cccd)
        tell(gatt, LOCK_GATT_SUBSCRIBED, attributes[index].io,
             gatt->cccd[attributes[index].io] ? "on" : "off");
    else
        gatt->user.written(gatt->user.userdata, attributes[index].io, request->value, request->len);
}

/* None of the characteristics takes writes without response: such a write is ignored (3.4.5.3). */
static void do_write_command(struct lock_gatt *gatt, const struct att_pdu *request)
{
    tell(gatt, LOCK_GATT_OFFENCE, LOCK_IOS, "a write without response");
}

static void do_prepare(struct lock_gatt *gatt, const struct att_pdu *request)
{
    size_t index = find_handle(gatt, request->handle);
    uint8_t code = write_fault(index, request);

    if (code == 0 && (attributes[index].kind != KIND_IO ||
                      (gatt->prepared != LOCK_IOS && gatt->prepared != attributes[index].io)))
        code = ATT_ERROR_WRITE_NOT_PERMITTED;
    else if (code == 0 && gatt->prepared_len + request->len > sizeof(gatt->prepared_bytes))
        code = ATT_ERROR_QUEUE_FULL;
    else if (code == 0 && request->offset != gatt->prepared_len)
        code = ATT_ERROR_INVALID_OFFSET;
    if (code) {
        refuse(gatt, request, request->handle, code);
        return;
    }
    gatt->prepared = attributes[index].io;
    memcpy(gatt->prepared_bytes + gatt->prepared_len, request->value, request->len);
    gatt->prepared_len += request->len;
    struct att_pdu response = *request;

    response.opcode = ATT_PREPARE_WRITE_RESPONSE;
    send_pdu(gatt, &response);
}

static void do_execute(struct lock_gatt *gatt, const struct att_pdu *request)
{
    enum lock_io io = gatt->prepared;
    size_t len = gatt->prepared_len;

    gatt->prepared = LOCK_IOS;
    gatt->prepared_len = 0;
    send_pdu(gatt, &(struct att_pdu){ .opcode = ATT_EXECUTE_WRITE_RESPONSE });
    if (request->flags && io != LOCK_IOS)
        gatt->user.written(gatt->user.userdata, io, gatt->prepared_bytes, len);
}

static const struct {
    uint8_t opcode;
    void (*run)(struct lock_gatt *gatt, const struct att_pdu *request);
    bool discovers;
} requests[] = {
    { ATT_MTU_REQUEST, do_mtu, false },
    { ATT_FIND_INFO_REQUEST, do_find_info, true },
    { ATT_FIND_VALUE_REQUEST, do_find_value, true },
    { ATT_READ_TYPE_REQUEST, do_read_type, true },
    { ATT_READ_REQUEST, do_read, false },
    { ATT_READ_BLOB_REQUEST, do_read_blob, false },
    { ATT_READ_GROUP_REQUEST, do_read_group, true },
    { ATT_WRITE_REQUEST, do_write, false },
    { ATT_WRITE_COMMAND, do_write_command, false },
    { ATT_PREPARE_WRITE_REQUEST, do_prepare, false },
    { ATT_EXECUTE_WRITE_REQUEST, do_execute, false },
};

static void take_discovery(struct lock_gatt *gatt)
{
    if (!gatt->discovered)
        tell(gatt, LOCK_GATT_DISCOVERY, LOCK_IOS, "");
    gatt->discovered = true;
}

void lock_gatt_receive(struct lock_gatt *gatt, int64_t now_us, const uint8_t bytes[], size_t len)
{
    struct att_pdu pdu = { 0 };
    int r = len > gatt->mtu ? -EBADMSG : att_parse(bytes, len, &pdu);

    if (r < 0)
        tell(gatt, LOCK_GATT_OFFENCE, LOCK_IOS, "a malformed PDU");
    if (r < 0 && len > 0 && att_is_request(bytes[0])) {
        pdu.opcode = bytes[0];
        refuse(gatt, &pdu, 0, ATT_ERROR_INVALID_PDU);
    }
    if (r < 0)
        return;
    if (pdu.opcode == ATT_CONFIRMATION) {
        take_confirmation(gatt, now_us);
        return;
    }
    for (size_t i = 0; i < COUNT(requests); i++)
        if (requests[i].opcode == pdu.opcode) {
            if (requests[i].discovers)
                take_discovery(gatt);
            requests[i].run(gatt, &pdu);
            return;
        }
    if (att_is_request(pdu.opcode))
        refuse(gatt, &pdu, 0, ATT_ERROR_NOT_SUPPORTED);
    else
        tell(gatt, LOCK_GATT_OFFENCE, LOCK_IOS, "a PDU that no client sends");
}

void lock_gatt_init(struct lock_gatt *gatt, const char *name, const struct lock_gatt_user *user)
{
    assert(strlen(name) < sizeof(gatt->name));
    memset(gatt, 0, sizeof(*gatt));
    gatt->user = *user;
    gatt->mtu_offered = LOCK_GATT_MTU;
    strcpy(gatt->name, name);
    lock_gatt_begin(gatt);
}

void lock_gatt_begin(struct lock_gatt *gatt)
{
    gatt->mtu = ATT_MTU_DEFAULT;
    memset(gatt->cccd, 0, sizeof(gatt->cccd));
    gatt->discovered = gatt->wants_confirmation = false;
    gatt->queued = gatt->first = gatt->sent = 0;
    gatt->prepared = LOCK_IOS;
    gatt->prepared_len = 0;
}

static uint16_t find_io(const struct lock_gatt *gatt, enum kind kind, enum lock_io io)
{
    size_t i = 0;

    while (attributes[i].kind != kind || attributes[i].io != io)
        i++;
    return handle_of(gatt, i);
}

uint16_t lock_gatt_handle(const struct lock_gatt *gatt, enum lock_io io)
{
    return find_io(gatt, KIND_IO, io);
}

uint16_t lock_gatt_cccd(const struct lock_gatt *gatt, enum lock_io io)
{
    return find_io(gatt, KIND_CCCD, io);
}
