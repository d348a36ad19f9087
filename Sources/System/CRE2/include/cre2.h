// The little of RE2 that a store needs, as C: RE2 itself is C++.
//
// https://github.com/google/re2. It takes time linear in the text, and bounded memory, whatever the pattern.
#ifndef CAIRN_CRE2_H
#define CAIRN_CRE2_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled pattern. May be used by several threads at once.
typedef struct cre2_pattern cre2_pattern;

/// Compiles a pattern within `max_memory` bytes. Returns NULL without memory; ask `cre2_error` whether it is any good.
cre2_pattern *cre2_new(const char *pattern, size_t length, bool is_anchored, int max_memory);

/// Frees a pattern.
void cre2_free(cre2_pattern *pattern);

/// What is wrong with the pattern, or NULL. It lives as long as the pattern.
const char *cre2_error(const cre2_pattern *pattern);

/// Whether the pattern matches a part of the text; all of it if it was made anchored.
bool cre2_matches(const cre2_pattern *pattern, const char *text, size_t length);

#ifdef __cplusplus
}
#endif

#endif
