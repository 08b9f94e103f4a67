# fish completion for accelnet-agent: written by scripts/man from its options

complete -c accelnet-agent -f
complete -c accelnet-agent -l web.listen-address -x -d 'HOST:PORT to listen on (repeatable; default: 127.0.0.1:9975; :PORT is every address; not used with socket activation)'
complete -c accelnet-agent -l web.telemetry-path -x -d 'where the metrics are (default: /metrics)'
complete -c accelnet-agent -l web.config.file -r -F -d 'TLS and basic auth: a web configuration of the exporter-toolkit'
complete -c accelnet-agent -l web.max-requests -x -d 'requests answered at once; others wait their turn (default: 40; 0: no limit)'
complete -c accelnet-agent -l log.level -x -a 'debug info warning error' -d 'the least level (default: info)'
complete -c accelnet-agent -l log.format -x -a 'logfmt json' -d 'logfmt (the default) or json'
complete -c accelnet-agent -l path.rootfs -x -a '(__fish_complete_directories)' -d 'where the machine\'s /sys, /proc and /etc lie (default: /)'
complete -c accelnet-agent -l expect -x -a 'on off auto' -d 'whether accelerated networking should be on (default: auto: the VM\'s tag accelnet-expect says it, if any)'
complete -c accelnet-agent -l imds-endpoint -x -a 'off' -d 'instance metadata (default: the link-local address, only on Azure)'
complete -c accelnet-agent -l vf-grace -x -d 'how long a VF may be away before its absence counts (default: 300)'
complete -c accelnet-agent -l scheduled-events -d 'also ask for Scheduled Events, which switches the feature on for the VM'
complete -c accelnet-agent -l state-directory -x -a '(__fish_complete_directories)' -d 'where history is kept over restarts (default: systemd\'s $STATE_DIRECTORY)'
complete -c accelnet-agent -l health.unknown -x -a 'healthy unhealthy' -d 'what /healthz and /application-health say of an unknown verdict (default: unhealthy; a scale set that repairs by itself wants healthy)'
complete -c accelnet-agent -l version -d 'print the version'
complete -c accelnet-agent -s h -l help -d 'print this help'
