# bash completion for roam-leasequery                      -*- shell-script -*-
# SPDX-License-Identifier: LGPL-2.1-or-later

_roam_leasequery()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}

    COMPREPLY=()
    case $previous in
        --file | -f | --state | --tls-ca | --tls-cert | --tls-key) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --dev) mapfile -t COMPREPLY < <(compgen -W "$(cd /sys/class/net && echo *)" -- "$current"); return ;;
        --want | -w) mapfile -t COMPREPLY < <(compgen -W 'relay-data relay-id remote-id' -- "$current"); return ;;
        --port | -p | --link | -l | --timeout | -t | --connect-timeout | --retries | --parallel | --duid | --server-duid | \
            --type-done | --type-data | --option-relay-id | --since | --until | --tls-name | address | client | relay-id | link | remote-id | on) return ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--port --link --want --relays --file --first --timeout --connect-timeout --retries
            --parallel --table --json --csv --routes --dev --merge --quiet --duid --server-duid --half-close --draft00
            --type-done --type-data --option-relay-id --active --state --since --until --base-time
            --tls-ca --tls-cert --tls-key --tls-name --help --version' -- "$current")
    elif [[ $COMP_CWORD -gt 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'address client relay-id link remote-id on' -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$current")
    fi
}
complete -F _roam_leasequery roam-leasequery
