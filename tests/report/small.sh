# The minimal guest, and the effects of its configuration. Ordered by importance, because a run that is stopped
# keeps its recordings.
. /lab/study.sh
virtio_console='-device virtio-serial-pci -chardev stdio,id=c -device virtconsole,chardev=c'

# Boots, from power-on to power-off, with and without nested paging; and touching of memory.
kvm
interval=500ms
one minimal boot.sh "$quiet" $microvm -cpu host $serial
one memory memory.sh "$quiet" $microvm -cpu host $serial
kvm ept=0
interval=500ms
one minimal-ept0 boot.sh "$quiet" $microvm -cpu host $serial
one memory-ept0 memory.sh "$quiet" $microvm -cpu host $serial
kvm
one minimal-verbose boot.sh console=ttyS0 $microvm -cpu host $serial
one minimal-q35 boot.sh "$quiet" $q35 $serial

# Output on a console.
one print-serial print.sh "$quiet" $q35 $serial
one print-hvc print.sh "console=hvc0 quiet loglevel=3" $q35 $virtio_console

exit $status
