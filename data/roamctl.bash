# bash completion for roamctl                              -*- shell-script -*-
# SPDX-License-Identifier: LGPL-2.1-or-later

_roamctl()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}

    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'status why monitor sa history secret connect disconnect redetect help --help --version --json' -- "$current")
        return
    fi
    case $previous in
        --limit | --count | -n | --reason | -r) return ;;
    esac
    if [[ $current == -* ]]; then
        local options='--json --help'
        case $command in
            history) options+=' --limit' ;;
            monitor) options+=' --count' ;;
            secret) options+=' --list' ;;
            redetect) options+=' --reason --no-wait' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ $command == redetect ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(cd /sys/class/net && echo *)" -- "$current")
    fi
}
complete -F _roamctl roamctl
