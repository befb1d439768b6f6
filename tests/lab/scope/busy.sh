# Takes exits for long enough to see the module come and go.
i=0
while [ $i -lt 1000 ]; do
	cpuid -r >/dev/null
	i=$((i + 1))
done
