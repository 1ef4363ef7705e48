== client: a greeting with a text
# R1939-9, R1939-10
S: +OK pop.example.org ready, [really] <hello>
E: GREETING ok pop.example.org ready, [really] <hello>

== client: a greeting without a text
S: +OK
E: GREETING ok

== client: a greeting with a blank only
S: +OK\x20
E: GREETING ok

== client: a greeting with 8-bit octets and NUL
# R1939-9: the text is for people; who shows it makes it safe
S: +OK \xc3\xa9\0\x1b[2J
E: GREETING ok \xc3\xa9\0\x1b[2J

== client: a server that is busy
# R2449-10
S: -ERR [SYS/TEMP] too many connections
E: GREETING err [SYS/TEMP] too many connections

== client: a greeting that ends with LF
# R1939-10
S- +OK ready\n
E: GREETING ok ready

== client: a timestamp that is a msg-id, 1
# R1939-36
S: +OK hello <1896.697170952@dbc.mtview.ca.us> there
E: GREETING ok hello <1896.697170952@dbc.mtview.ca.us> there
E: timestamp <1896.697170952@dbc.mtview.ca.us>

== client: a timestamp that is a msg-id, 2
S: +OK hello <a@b> there
E: GREETING ok hello <a@b> there
E: timestamp <a@b>

== client: a timestamp that is a msg-id, 3
S: +OK hello <!#$%&*+/=?^_`{|}~-@[::1]> there
E: GREETING ok hello <!#$%&*+/=?^_`{|}~-@[::1]> there
E: timestamp <!#$%&*+/=?^_`{|}~-@[::1]>

== client: a timestamp that is none, 1
# R1939-36: an attacker must not choose what is hashed
S: +OK <@b>
E: GREETING ok <@b>

== client: a timestamp that is none, 2
S: +OK <a@>
E: GREETING ok <a@>

== client: a timestamp that is none, 3
S: +OK <@>
E: GREETING ok <@>

== client: a timestamp that is none, 4
S: +OK <a>
E: GREETING ok <a>

== client: a timestamp that is none, 5
S: +OK <>
E: GREETING ok <>

== client: a timestamp that is none, 6
S: +OK <a@b@c>
E: GREETING ok <a@b@c>

== client: a timestamp that is none, 7
S: +OK <a b@c>
E: GREETING ok <a b@c>

== client: a timestamp that is none, 8
S: +OK <a\x80@b>
E: GREETING ok <a\x80@b>

== client: a timestamp that is none, 9
S: +OK <a\0@b>
E: GREETING ok <a\0@b>

== client: a timestamp that is none, 10
S: +OK <a\x7f@b>
E: GREETING ok <a\x7f@b>

== client: a timestamp that is none, 11
S: +OK <a@b
E: GREETING ok <a@b

== client: a timestamp that is none, 12
S: +OK a@b>
E: GREETING ok a@b>

== client: a timestamp that is none, 13
S: +OK <<a@b>
E: GREETING ok <<a@b>

== client: a timestamp that is none, 14
S: +OK ><
E: GREETING ok ><

== client: a timestamp that is none, 15
S: +OK <a@b\r>
E: GREETING ok <a@b\r>

== client: neither +OK nor -ERR, 1
# R1939-9, PROJ-3
S: * OK IMAP4rev1 ready
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 2
S: 220 smtp.example.org ESMTP
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 3
S: HTTP/1.1 400 Bad Request
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 4
S: +OKAY
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 5
S: +OK\0
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 6
S: +OK\x09ready
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 7
S: +ok ready
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 8
S: -err no
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 9
S: -ERRx
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 10
S: -ERR:
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 11
S:  +OK
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 12
S: + OK
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 13
S: +
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 14
S: -
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 15
S:
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 16
S: \0+OK
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 17
S: \x16\x03\x01
E: broken: the answer is neither +OK nor -ERR

== client: neither +OK nor -ERR, 18
S: [AUTH] no
E: broken: the answer is neither +OK nor -ERR
