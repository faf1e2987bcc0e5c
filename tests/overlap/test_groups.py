"""Groups have a representative with which each member was verified: no chains of strangers."""

from covcat.overlap.groups import form_groups


def test_who_comes_first_represents_all_that_are_the_same_as_it():
    same = {(0, 1): True, (0, 2): True, (3, 4): True, (1, 3): False}
    found = form_groups(same, [2, 0, 1, 4, 3], reach=1)
    assert found.groups == [[2, 0], [4, 3]]
    assert found.wanted == [(1, 2)]


def test_a_chain_is_not_one_group_before_each_is_verified_with_the_representative():
    chain = {(0, 1): True, (1, 2): True, (2, 3): True}
    first = form_groups(chain, range(4), reach=8)
    assert first.groups == [[0, 1]]
    assert first.wanted == [(0, 2), (0, 3)]
    refused = form_groups(chain | {(0, 2): False, (0, 3): False}, range(4), reach=8)
    assert refused.groups == [[0, 1], [2, 3]]
    assert refused.wanted == []
    agreed = form_groups(chain | {(0, 2): True, (0, 3): True}, range(4), reach=8)
    assert agreed.groups == [[0, 1, 2, 3]]


def test_a_long_chain_is_asked_for_in_few_rounds():
    known = {(number, number + 1): True for number in range(500)}
    rounds, reach = 0, 1
    while wanted := form_groups(known, range(501), reach).wanted:
        known |= dict.fromkeys(wanted, True)
        rounds, reach = rounds + 1, reach * 2
    assert form_groups(known, range(501), reach).groups == [list(range(501))]
    assert rounds <= 10


def test_what_is_no_pair_makes_no_group():
    assert form_groups({}, [], 1).groups == []
    assert form_groups({(0, 1): False}, [0, 1], 1).groups == []
