# Deep realistic taxonomic classifier; parents of each node, leaves first. Wu et al., ECCV 2020, arXiv:2007.09898.
import json
import pathlib

model = dict(head=dict(classifier=dict(type='TaxonomicLinear', parents='{{parents}}', drop_rate=0.1)))
_file = pathlib.Path('{{ fileDirname }}/../_base_/taxonomies/cifar100.json')  # its 20 superclasses
tuned = dict(cifar100_lt={'model.head.classifier.parents': json.loads(_file.read_text())['parents']})
