/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/policy.h"

#include <stddef.h>

static const char *const receive[] = { "sender", "receiver", "half", NULL };
static const int8_t receive_who[] = { POLICY_SENDER, POLICY_RECEIVER, POLICY_HALF };
static const char *const outside[] = { "receiver", "host", "none", NULL };
static const int8_t outside_who[] = { POLICY_RECEIVER, POLICY_HOST, POLICY_NOBODY };
static const char *const broadcast[] = { "sender", "receivers", "host", NULL };
static const int8_t broadcast_who[] = { POLICY_SENDER, POLICY_RECEIVER, POLICY_HOST };
static const char *const drop[] = { "sender", "host", NULL };
static const int8_t drop_who[] = { POLICY_SENDER, POLICY_HOST };

const struct policy_key policy_keys[POLICY_RULES] = {
	[POLICY_RECEIVE] = { "receive", receive, receive_who,
			     "\"sender\", \"receiver\", \"half\"" },
	[POLICY_RECEIVE_OUTSIDE] = { "receive_outside", outside, outside_who,
				     "\"receiver\", \"host\", \"none\"" },
	[POLICY_BROADCAST] = { "broadcast", broadcast, broadcast_who,
			       "\"sender\", \"receivers\", \"host\"" },
	[POLICY_BROADCAST_OUTSIDE] = { "broadcast_outside", outside, outside_who,
				       "\"receiver\", \"host\", \"none\"" },
	[POLICY_DROP] = { "drop", drop, drop_who, "\"sender\", \"host\"" },
};

struct policy policy_default(void)
{
	return (struct policy){ .who = {
					[POLICY_RECEIVE] = POLICY_SENDER,
					[POLICY_RECEIVE_OUTSIDE] = POLICY_RECEIVER,
					[POLICY_BROADCAST] = POLICY_SENDER,
					[POLICY_BROADCAST_OUTSIDE] = POLICY_HOST,
					[POLICY_DROP] = POLICY_SENDER,
				} };
}

struct policy policy_of_words(const int64_t word[POLICY_RULES])
{
	struct policy p;

	for (unsigned int i = 0; i < POLICY_RULES; i++)
		p.who[i] = word[i] < 0 ? -1 : policy_keys[i].who[word[i]];
	return p;
}

static enum policy_who rule(const struct policy *host, const struct policy *vm, enum policy_rule r)
{
	return (enum policy_who)(vm && vm->who[r] >= 0 ? vm->who[r] : host->who[r]);
}

static enum policy_who who(const struct policy *host, const struct policy *vm, unsigned int klass,
			   bool outside_it_is)
{
	switch (klass) {
	case ACCTRING_CLASS_RX:
		return rule(host, vm, outside_it_is ? POLICY_RECEIVE_OUTSIDE : POLICY_RECEIVE);
	case ACCTRING_CLASS_BROADCAST:
		return rule(host, vm, outside_it_is ? POLICY_BROADCAST_OUTSIDE : POLICY_BROADCAST);
	case ACCTRING_CLASS_DROP:
		return outside_it_is ? POLICY_HOST : rule(host, vm, POLICY_DROP);
	default:
		return POLICY_RECEIVER;
	}
}

struct policy_shares policy_decide(const struct policy *host, const struct policy *vm,
				   unsigned int klass, unsigned int payer, unsigned int cause,
				   bool known)
{
	struct policy_shares s = { 0 };

	/* who sends to himself is both */
	if (cause == payer && cause) {
		s.payer = POLICY_WHOLE;
		return s;
	}
	switch (who(host, vm, klass, !cause || !known)) {
	case POLICY_SENDER:
		s.cause = POLICY_WHOLE;
		break;
	case POLICY_RECEIVER:
		s.payer = POLICY_WHOLE;
		break;
	case POLICY_HALF:
		s.payer = s.cause = POLICY_WHOLE / 2;
		break;
	case POLICY_HOST:
		s.host = POLICY_WHOLE;
		break;
	case POLICY_NOBODY:
		s.nobody = POLICY_WHOLE;
		break;
	}
	return s;
}
