<?php
// ?wait=SECONDS keeps a worker busy.
usleep((int) (1000000 * (float) ($_GET['wait'] ?? 0)));
echo "It works.\n";
