# bash completion for accelnet-check: written by scripts/man from its options
# shellcheck shell=bash

_accelnet_check() {
    local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]}
    local kind='' words=''
    local checks="kernel-minimum kernel-known-issue os-supported vm-size vmbus-passthrough
        vf-driver next-host-drivers vf-expected vf-paired vf-up vf-datapath vf-unaddressed
        vf-unmanaged vf-name vf-mtu nic-queues vf-drops synthetic-errors imds-nics vf-flapping
        vf-missing hardware-moved probes-answered"

    # --flag=value is three words to bash
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $flag == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $flag in
        --root)
            kind=-d
            ;;
        --bundle | --record | --output | --known-issues | --files0-from)
            kind=-f
            ;;
        --format)
            words="text json junit tap nagios prometheus"
            ;;
        --expect)
            words="on off auto"
            ;;
        --interface)
            words=$(ls /sys/class/net 2>/dev/null)
            ;;
        --only | --skip | --explain)
            words=$checks
            ;;
        --wait | --window | --stale-after)
            words=""
            ;;
        --imds-endpoint)
            words="off"
            ;;
        --by)
            words="check size kernel driver family distro image datapath version vm"
            ;;
        *)
            if [[ $cur != -* && " ${COMP_WORDS[*]} " == *" --summarize "* ]]; then
                kind=-f
            fi
            words="-h --root --bundle --record --redact --format --output --expect --interface
                --only --skip --wait --window --active-proof --imds-endpoint --known-issues
                --summarize --files0-from --by --stale-after --list-checks --explain --version
                --help"
            ;;
    esac
    if [[ -n $kind ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen "$kind" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    fi
}

complete -F _accelnet_check accelnet-check
