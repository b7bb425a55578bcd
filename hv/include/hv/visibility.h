/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Included before everything: nothing goes through a global offset table, the image is one piece. */
#pragma GCC visibility push(hidden)
