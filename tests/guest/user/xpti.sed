# The hypervisor is not there: bit 0 of the error code.
/^= at hypervisor/,/^= at not canonical/{s/error 5/error 4/;s/error 7/error 6/;s/error 15/error 14/}
s/^\(= user rip in the hypervisor: .*\) error 15 /\1 error 14 /
