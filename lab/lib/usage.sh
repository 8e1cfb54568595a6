# shellcheck shell=bash
# How a command shows its usage: each sets $usage, whose first line is "usage: COMMAND ARGUMENTS".

# help_asked WORD…: shows the usage and ends the command when one of these words asks for it.
help_asked() {
    local word
    for word in "$@"; do
        if [[ $word == --help || $word == -h ]]; then
            printf '%s\n' "${usage:?}"
            exit 0
        fi
    done
}

# misuse [WHAT]: says what is wrong, shows the usage and ends the command.
misuse() {
    (($# == 0)) || printf '%s\n' "$*" >&2
    printf '%s\n' "${usage:?}" >&2
    exit 2
}
