/* What this process has open. */
#ifndef TEST_DESCRIPTORS_H
#define TEST_DESCRIPTORS_H

/* More than there are, by those it takes to count them: to be compared with another count. */
unsigned open_descriptors(void);

#endif
