#error "A template of ST's runtime, which nothing can compile."
