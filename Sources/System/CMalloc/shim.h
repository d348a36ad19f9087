#include <malloc.h>

/// mallinfo2(3), written to a place of the caller's: in Swift, `mallinfo2()` may as well mean an empty structure.
static inline void cairn_mallinfo2(struct mallinfo2 *info) { *info = mallinfo2(); }
