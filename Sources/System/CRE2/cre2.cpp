#include "cre2.h"

#include <re2/re2.h>

#include <new>

struct cre2_pattern {
    RE2 expression;
    bool is_anchored;

    cre2_pattern(const re2::StringPiece &text, const RE2::Options &options, bool is_anchored)
        : expression(text, options), is_anchored(is_anchored) {}
};

cre2_pattern *cre2_new(const char *pattern, size_t length, bool is_anchored, int max_memory) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_memory);
    options.set_dot_nl(true);
    return new (std::nothrow) cre2_pattern(re2::StringPiece(pattern, length), options, is_anchored);
}

void cre2_free(cre2_pattern *pattern) { delete pattern; }

const char *cre2_error(const cre2_pattern *pattern) {
    return pattern->expression.ok() ? nullptr : pattern->expression.error().c_str();
}

bool cre2_matches(const cre2_pattern *pattern, const char *text, size_t length) {
    re2::StringPiece piece(text, length);
    return pattern->is_anchored ? RE2::FullMatch(piece, pattern->expression)
                                : RE2::PartialMatch(piece, pattern->expression);
}
