# Debian, from power-on to the login prompt, and then one kind of work after another.
. /lab/study.sh
disk
kvm
recorded debian 2s debian '' phases
