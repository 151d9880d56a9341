"""Closer looks: faces are found in a camera's small stream, and the best of them are cut from its main stream.

messages     what the vision worker and the camera workers say to each other about it
budget       how much of the main stream may be decoded
main_stream  the main stream, held in packets and decoded on demand; in the camera worker
lender       answers the vision worker; in the camera worker
region       where to cut in the main stream, and which face it is there
desk         asks, and holds crops until the answer is there; in the vision worker
"""
