_base_ = ['ce_cifar100_lt.py', '../_base_/taxonomies/cifar100.json']
# deep realistic taxonomic classifier (Wu et al., ECCV 2020) over CIFAR-100's 20 superclasses
model = dict(head=dict(classifier=dict(type='TaxonomicLinear', parents={{_base_.parents}}, drop_rate=0.1)))
