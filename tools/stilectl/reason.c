/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reason.c: in the order of the contract's table. */
#include "tools/stilectl/reason.h"

#include <stddef.h>
#include <string.h>

static const struct reason_words words[] = {
    { "UNKNOWN_POINT", "This access point is not set up",
      "set up the access point, its door and its target" },
    { "STALE", "The card was read too long ago", "present it again" },
    { "LOCKDOWN", "The site is in lockdown", "end the lockdown" },
    { "DOOR_BLOCKED", "The door is blocked", "set the door's mode to controlled" },
    { "LOCKED_OUT", "Too many wrong PINs were entered here", "wait, or present a card" },
    { "UNKNOWN_CREDENTIAL", "Nobody has this card or code", "give it to a person" },
    { "AMBIGUOUS_CREDENTIAL", "More than one person has this card or code", "leave it with one person only" },
    { "PIN_WRONG", "The PIN is wrong", "enter the right PIN" },
    { "DIFFERENT_USERS", "The cards and codes belong to different people", "present those of one person" },
    { "CREDENTIAL_PENDING", "The card is not active yet", "activate the card" },
    { "CREDENTIAL_BLOCKED", "The card is blocked", "unblock the card, or give out another" },
    { "CREDENTIAL_LOST", "The card was reported lost", "report it found, or give out another" },
    { "CREDENTIAL_INVALID", "The card was declared invalid", "give out another" },
    { "CREDENTIAL_NOT_STARTED", "The card is not valid yet", "wait, or let its validity begin earlier" },
    { "CREDENTIAL_EXPIRED", "The card has expired", "extend the card's validity, or give out another" },
    { "USED_UP", "The card has no uses left", "add uses, or give out another" },
    { "ASSURANCE_TOO_LOW", "This door needs a card that can prove itself", "use a stronger card or a phone" },
    { "UNKNOWN_USER", "The card's owner is not in the system", "add the person, or send the policy again" },
    { "USER_PENDING", "The person is not active yet", "activate the person" },
    { "USER_SUSPENDED", "The person is suspended", "end the suspension" },
    { "USER_CANCELLED", "The person has left", "make the person active again" },
    { "USER_NOT_STARTED", "The person's membership has not begun", "wait, or let it begin earlier" },
    { "USER_EXPIRED", "The person's membership has ended", "extend the membership" },
    { "USER_BLOCKED", "The person is blocked", "lift the block" },
    { "MOBILE_NOT_ENABLED", "The person may not open with a phone", "enable the phone, or use a card" },
    { "LINK_DISABLED", "The linked site is switched off", "switch the link on" },
    { "LINK_STALE", "The linked site has not been heard of for too long", "let the link be refreshed" },
    { "NO_RULE", "No rule lets this person in here", "add a rule for the person and this door" },
    { "TYPE_NOT_ALLOWED", "This kind of card is not allowed here",
      "use another kind, or allow it in the rule" },
    { "OUTSIDE_SCHEDULE", "It is outside the hours of the rule", "come within the hours, or change them" },
    { "MIN_INTERVAL", "The person came through just now", "wait" },
    { "ANTI_PASSBACK", "The person is recorded as already being there",
      "forgive the person's anti-passback" },
    { "AREA_FULL", "The area is full", "wait until somebody leaves" },
    { "INTERLOCK", "Another door of the interlock is not closed", "close the other door" },
    { "FACTORS_NOT_ALLOWED", "What was presented is not enough here",
      "present one of the allowed combinations" },
    { "SECOND_FACTOR_REQUIRED", "A second factor is needed", "present it too" },
    { "SECOND_PERSON_REQUIRED", "A second person is needed", "let the second person present a card" },
    { "CLOCK_UNTRUSTED", "The gateway does not know the time", "let the gateway's clock be set" },
    { "RULE", "A rule lets the person in", NULL },
    { "DOOR_UNLOCKED", "The door is unlocked", NULL },
};

const struct reason_words *reason_words_find(const char *code)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].code, code) == 0)
            return &words[i];
    return NULL;
}
