/* The bounds that the RFCs give, and those that libpop adds for its own fixed arrays. */
#ifndef POP_LIMITS_H
#define POP_LIMITS_H

/* RFC 2449, section 4: a command is at most 255 octets, CRLF included (R2449-5, R2449-7). */
#define POP_COMMAND_MAX 255

/* RFC 2449, section 4: the first line of a reply is at most 512 octets with CRLF (R1939-3). */
#define POP_REPLY_MAX 512

/* What the client accepts as one line of a status or a listing. RFC 2449 allows 512; servers
 * with long response texts exist, and twice as much costs nothing (R1939-10). */
#define POP_CLIENT_LINE_MAX 1024

/* RFC 1939, section 7: a unique-id is 1 to 70 octets of 0x21 to 0x7E (R1939-47). */
#define POP_UID_MAX 70

/* The longest unique-id that the client remembers. Longer than the RFC allows, because servers
 * that send more exist; they are identifiers all the same (R1939-10). */
#define POP_CLIENT_UID_MAX 512

/* One line of a SASL exchange (R5034-10): OAuth tokens are the longest, some kilobytes. */
#define POP_SASL_LINE_MAX 12288

/* The octets that such a line holds in base64, with its CRLF. */
#define POP_SASL_RESPONSE_MAX ((POP_SASL_LINE_MAX - 2) / 4 * 3)

/* Commands that a client may have sent without an answer. 512 RETRs of the smallest messages
 * keep a 100 ms line busy; each costs 8 octets of queue. */
#define POP_CLIENT_QUEUE_MAX 512

/* RFC 3206 and 2449: the deepest response code in the IANA registry is SYS/TEMP; text in
 * brackets beyond this is not taken for one. */
#define POP_CODE_MAX 64

#endif
