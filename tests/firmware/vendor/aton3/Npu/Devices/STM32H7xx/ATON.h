#error "Of another microcontroller."
