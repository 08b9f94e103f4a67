# bash completion for accelnet-agent: written by scripts/man from its options
# shellcheck shell=bash

_accelnet_agent() {
    local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]}
    local kind='' words=''
    # --flag=value is three words to bash
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $flag == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $flag in
        --web.listen-address | --web.telemetry-path | --web.max-requests | --vf-grace)
            words=""
            ;;
        --web.config.file)
            kind=-f
            ;;
        --log.level)
            words="debug info warning error"
            ;;
        --log.format)
            words="logfmt json"
            ;;
        --path.rootfs | --state-directory)
            kind=-d
            ;;
        --expect)
            words="on off auto"
            ;;
        --imds-endpoint)
            words="off"
            ;;
        --health.unknown)
            words="healthy unhealthy"
            ;;
        *)
            words="-h --web.listen-address --web.telemetry-path --web.config.file
                --web.max-requests --log.level --log.format --path.rootfs --expect
                --imds-endpoint --vf-grace --scheduled-events --state-directory --health.unknown
                --version --help"
            ;;
    esac
    if [[ -n $kind ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen "$kind" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    fi
}

complete -F _accelnet_agent accelnet-agent
