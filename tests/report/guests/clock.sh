# Reads the clock 2000 times.
cat /sys/devices/system/clocksource/clocksource0/current_clocksource
sleep 1
echo '@mark work'
sleep 1
i=0
while [ $i -lt 2000 ]; do
	i=$((i + 1))
	now=$EPOCHREALTIME
done
echo "$now"
echo '@mark end'
