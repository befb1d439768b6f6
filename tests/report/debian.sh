# Debian, from power-on to the login prompt, and then several kinds of work.
. /lab/study.sh
disk
kvm
recorded debian 4s debian '' phases || status=1

# The same boots with fewer messages and with shadow paging.
disk
recorded debian-quiet 1m debian quiet '' || status=1
kvm ept=0
disk
recorded debian-ept0 1m debian '' '' || status=1
disk
recorded debian-ept0-nopti 1m debian nopti '' || status=1
exit $status
