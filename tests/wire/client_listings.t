== client: extra data behind the numbers
# R1939-9, R1939-10
S: +OK
E: GREETING ok
C: STAT
S: +OK 2 320 and more
E: STAT ok 2 320
C: LIST 2
S: +OK 2 200 octets, read
E: LIST 2 ok 2 200
C: UIDL 2
S: +OK 2 abc
E: UIDL 2 ok 2 abc
C: LIST
S: +OK 2 messages (320 octets)
S: 1 120 seen
S: 2  200
S: 3 200 0 0 0
S: .
E: LIST ok+ 2 messages (320 octets)
E: LIST item 1 120
E: LIST item 2 200
E: LIST item 3 200
E: LIST end

== client: the largest and the smallest numbers
# R1939-10, PROJ-3: what they may mean is judged by who asked
S: +OK
E: GREETING ok
C: STAT
S: +OK 18446744073709551615 18446744073709551615
E: STAT ok 18446744073709551615 18446744073709551615
C: LIST
S: +OK
S: 0 0
S: 4294967297 18446744073709551615
S: 007 010
S: .
E: LIST ok+
E: LIST item 0 0
E: LIST item 4294967297 18446744073709551615
E: LIST item 7 10
E: LIST end

== client: empty listings, one after the other
# R1939-8
S: +OK
E: GREETING ok
C: LIST
C: UIDL
C: CAPA
S: +OK nothing
S: .
S: +OK
S: .
S: +OK
S: .
E: LIST ok+ nothing
E: LIST end
E: UIDL ok+
E: UIDL end
E: CAPA ok+
E: CAPA end:

== client: listings with stuffed dots, and with LF
# R1939-8
S: +OK
E: GREETING ok
C: LIST
C: UIDL
S: +OK
S: .1 120
S- 2 200\n
S- .\n
S: +OK
S: 1 .
S: 2 ..
S: .3 x.
S: .
E: LIST ok+
E: LIST item 1 120
E: LIST item 2 200
E: LIST end
E: UIDL ok+
E: UIDL item 1 .
E: UIDL item 2 ..
E: UIDL item 3 x.
E: UIDL end

== client: odd unique-ids
# R1939-10, R1939-50, PROJ-3: blanks within, 8-bit octets, too long for the standard, twice the same
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 a b  c
S: 2   abc\{3* }
S: 3 \xff\xc3\xa9
S: 4 \{71*u}
S: 5 \{512*u}
S: 6 ../../etc/passwd
S: 7 same
S: 8 same
S: 9 9
S: .
E: UIDL ok+
E: UIDL item 1 a b  c
E: UIDL item 2 abc
E: UIDL item 3 \xff\xc3\xa9
E: UIDL item 4 \{71*u}
E: UIDL item 5 \{512*u}
E: UIDL item 6 ../../etc/passwd
E: UIDL item 7 same
E: UIDL item 8 same
E: UIDL item 9 9
E: UIDL end

== client: a line of LIST that is none, 1
# PROJ-3
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 1
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 2
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 1\x20
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 3
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S:
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 4
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: x 1
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 5
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 1 x
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 6
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: -1 1
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 7
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 1 -1
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 8
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 1 1x
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 9
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: +1 1
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 11
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 1\x091
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 12
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 18446744073709551616 1
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 13
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 1 18446744073709551616
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 14
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: 1\0 1
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of LIST that is none, 15
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 1
S: -ERR no
E: LIST ok+
E: LIST item 1 1
E: broken: a line of LIST cannot be read

== client: a line of UIDL that is none, 1
# PROJ-3
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 1
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 2
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 1\x20
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 3
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 1 \x20
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 4
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S:
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 5
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: x abc
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 7
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 1 a\0b
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 8
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 1 a\x09b
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 9
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 1 a\x7f
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 10
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 1 a\rb
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 11
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 1 \{513*u}
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: a line of UIDL that is none, 12
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 1
S: 18446744073709551616 a
E: UIDL ok+
E: UIDL item 1 1
E: broken: a line of UIDL cannot be read

== client: an answer to STAT without its numbers, 1
# PROJ-3
S: +OK
E: GREETING ok
C: STAT
S: +OK\x20
E: broken: the numbers in the answer cannot be read

== client: an answer to STAT without its numbers, 2
S: +OK
E: GREETING ok
C: STAT
S: +OK 2
E: broken: the numbers in the answer cannot be read

== client: an answer to STAT without its numbers, 3
S: +OK
E: GREETING ok
C: STAT
S: +OK 2\x20
E: broken: the numbers in the answer cannot be read

== client: an answer to STAT without its numbers, 4
S: +OK
E: GREETING ok
C: STAT
S: +OK two 320
E: broken: the numbers in the answer cannot be read

== client: an answer to STAT without its numbers, 5
S: +OK
E: GREETING ok
C: STAT
S: +OK 2 320x
E: broken: the numbers in the answer cannot be read

== client: an answer to STAT without its numbers, 6
S: +OK
E: GREETING ok
C: STAT
S: +OK 2 -1
E: broken: the numbers in the answer cannot be read

== client: an answer to STAT without its numbers, 7
S: +OK
E: GREETING ok
C: STAT
S: +OK 2 18446744073709551616
E: broken: the numbers in the answer cannot be read

== client: an answer to STAT without its numbers, 8
S: +OK
E: GREETING ok
C: STAT
S: +OK there are 2 320
E: broken: the numbers in the answer cannot be read

== client: an answer to LIST 1 without its numbers, 1
# PROJ-3
S: +OK
E: GREETING ok
C: LIST 1
S: +OK 1
E: broken: the numbers in the answer cannot be read

== client: an answer to LIST 1 without its numbers, 2
S: +OK
E: GREETING ok
C: LIST 1
S: +OK 1 x
E: broken: the numbers in the answer cannot be read

== client: an answer to UIDL 1 without its numbers, 1
# PROJ-3
S: +OK
E: GREETING ok
C: UIDL 1
S: +OK 1
E: broken: the numbers in the answer cannot be read

== client: an answer to UIDL 1 without its numbers, 2
S: +OK
E: GREETING ok
C: UIDL 1
S: +OK 1\x20
E: broken: the numbers in the answer cannot be read

== client: an answer to UIDL 1 without its numbers, 3
S: +OK
E: GREETING ok
C: UIDL 1
S: +OK x a
E: broken: the numbers in the answer cannot be read

== client: an answer to UIDL 1 without its numbers, 4
S: +OK
E: GREETING ok
C: UIDL 1
S: +OK 1 \{513*u}
E: broken: the numbers in the answer cannot be read

== client: -ERR needs no numbers
# R1939-9
S: +OK
E: GREETING ok
C: STAT
C: LIST 1
C: UIDL 1
C: LIST
S: -ERR no
S: -ERR
S: -ERR 1
S: -ERR [SYS/TEMP] 1 2
E: STAT err no
E: LIST 1 err
E: UIDL 1 err 1
E: LIST err [SYS/TEMP] 1 2

== client: a blank too many before the numbers
# R1939-10
S: +OK
E: GREETING ok
C: STAT
S: +OK  2 320
E: STAT ok 2 320
C: LIST
S: +OK
S:  1  120
S: 2 200
S: .
E: LIST ok+
E: LIST item 1 120
E: LIST item 2 200
E: LIST end
